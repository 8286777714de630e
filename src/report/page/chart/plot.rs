//! A chart along two axes: lines, areas and marks.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    Axis,
    drawing::{Canvas, Drawn, Key, Mark, Role, draw_mark, figure, letters, nothing},
};
use crate::report::page::html::Html;

const HEIGHT: u32 = 520;
/// The room above the chart, for the name of its vertical axis.
const HEAD: u32 = 56;

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report::page) enum Look {
    /// Points joined by a line.
    Line,
    /// The same, with the area under it.
    Area,
    /// Points alone.
    Marks(Mark),
}

/// One series.
#[derive(Clone, Debug)]
pub(in crate::report::page) struct Series {
    pub(in crate::report::page) name: &'static str,
    pub(in crate::report::page) role: Role,
    pub(in crate::report::page) look: Look,
    pub(in crate::report::page) points: Vec<(f64, f64)>,
}

/// A line across the chart: an objective, or the capacity.
#[derive(Clone, Debug)]
pub(in crate::report::page) enum Line {
    /// At a height, with its name.
    Level(f64, String),
    /// At a value of the horizontal axis, with its name.
    Upright(f64, String),
}

/// A chart.
#[derive(Clone, Debug)]
pub(in crate::report::page) struct Plot {
    /// Its id in the page.
    pub(in crate::report::page) id: &'static str,
    pub(in crate::report::page) title: &'static str,
    /// A sentence beside the title.
    pub(in crate::report::page) note: String,
    pub(in crate::report::page) x: Axis,
    pub(in crate::report::page) y: Axis,
    pub(in crate::report::page) series: Vec<Series>,
    pub(in crate::report::page) lines: Vec<Line>,
}

impl Plot {
    /// The chart as a figure.
    pub(in crate::report::page) fn to_html(&self) -> Html {
        let shown: Vec<_> = self.series.iter().map(|series| (series, self.visible(series))).collect();
        let shown: Vec<_> = shown.into_iter().filter(|(_, points)| !points.is_empty()).collect();
        if shown.is_empty() {
            return nothing(self.title);
        }
        let description: Vec<_> = shown.iter().map(|(series, points)| self.description(series, points)).collect();
        let keys: Vec<_> = shown
            .iter()
            .map(|(series, _)| Key {
                name: series.name.to_owned(),
                role: series.role,
                mark: match series.look {
                    Look::Marks(mark) => Some(mark),
                    Look::Line | Look::Area => None,
                },
            })
            .collect();
        figure(self.id, self.title, &self.note, &description.join("; "), &keys, HEIGHT, |canvas| {
            self.draw(canvas, &shown)
        })
    }

    fn visible(&self, series: &Series) -> Vec<(f64, f64)> {
        series.points.iter().copied().filter(|(x, y)| self.x.holds(*x) && self.y.holds(*y)).collect()
    }

    /// A series in words, for screen readers.
    fn description(&self, series: &Series, points: &[(f64, f64)]) -> String {
        let (low, high) =
            points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, y)| (low.min(*y), high.max(*y)));
        format!("{}: from {} to {}", series.name, (self.y.show)(low), (self.y.show)(high))
    }

    fn draw(&self, canvas: &Canvas<'_>, shown: &[(&Series, Vec<(f64, f64)>)]) -> Drawn {
        let (x, y) = (&self.x, &self.y);
        let widest = y.ticks().into_iter().map(|tick| y.label(tick).chars().count()).max().unwrap_or(0) as u32;
        let mut chart = ChartBuilder::on(canvas)
            .margin_top(HEAD)
            .margin_right(24)
            .x_label_area_size(84)
            .y_label_area_size(28 + widest * 14)
            .build_cartesian_2d(x.clone(), y.clone())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(Role::Grid.stroke(2))
            .axis_style(Role::Grid.stroke(2))
            .label_style(letters(Role::Letters, Pos::new(HPos::Center, VPos::Center)))
            .x_desc(x.name.as_str())
            .draw()?;
        let name = Text::new(y.name.clone(), (0, 4), letters(Role::Letters, Pos::new(HPos::Left, VPos::Top)));
        canvas.draw(&name)?;

        let place = |(along, up): (f64, f64)| chart.backend_coord(&(along, up));
        let (bottom, right) =
            (chart.plotting_area().get_pixel_range().1.end, chart.plotting_area().get_pixel_range().0.end);
        for (series, points) in shown.iter().filter(|(series, _)| series.look == Look::Area) {
            let mut outline: Vec<_> = points.iter().copied().map(place).collect();
            let ends = outline.first().zip(outline.last()).map(|(first, last)| (first.0, last.0));
            let Some((first, last)) = ends else { continue };
            outline.extend([(last, bottom), (first, bottom)]);
            let fill = ShapeStyle { color: series.role.colour().mix(0.14), filled: true, stroke_width: 0 };
            canvas.draw(&Polygon::new(outline, fill))?;
        }
        for line in &self.lines {
            draw_line(canvas, line, (x, y), place, (bottom, right))?;
        }
        for (series, points) in shown {
            let places: Vec<_> = points.iter().copied().map(place).collect();
            match series.look {
                Look::Line | Look::Area if places.len() == 1 => {
                    draw_mark(canvas, places[0], Mark::Disc, series.role)?;
                }
                Look::Line | Look::Area => canvas.draw(&PathElement::new(places, series.role.stroke(4)))?,
                Look::Marks(mark) => {
                    for at in places {
                        draw_mark(canvas, at, mark, series.role)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn draw_line(
    canvas: &Canvas<'_>,
    line: &Line,
    (x, y): (&Axis, &Axis),
    place: impl Fn((f64, f64)) -> (i32, i32),
    (bottom, right): (i32, i32),
) -> Drawn {
    let (left, top) = (place((x.low(), y.low())).0, HEAD as i32);
    let (from, to, at, pos, name) = match line {
        Line::Level(height, name) if y.holds(*height) => {
            let at = place((x.low(), *height)).1;
            let (side, shift) = if at - top > 40 { (VPos::Bottom, -6) } else { (VPos::Top, 8) };
            ((left, at), (right, at), (right - 6, at + shift), Pos::new(HPos::Right, side), name)
        }
        Line::Upright(along, name) if x.holds(*along) => {
            let at = place((*along, y.low())).0;
            let (side, shift) = if at > (left + right) / 2 { (HPos::Right, -10) } else { (HPos::Left, 10) };
            ((at, top), (at, bottom), (at + shift, top + 6), Pos::new(side, VPos::Top), name)
        }
        Line::Level(..) | Line::Upright(..) => return Ok(()),
    };
    canvas.draw(&PathElement::new(vec![from, to], Role::Letters.stroke(2)))?;
    canvas.draw(&Text::new(name.clone(), at, letters(Role::Letters, pos)))?;
    Ok(())
}
