//! Things side by side on one axis: a row each, with its name above its line and marks along it.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    Axis,
    drawing::{Canvas, Drawn, Key, Mark, Role, draw_mark, figure, letters, nothing},
};
use crate::report::{page::html::Html, plain};

/// The height of a row, and the position of its line in it.
const ROW: u32 = 84;
const LINE: i32 = 58;
/// The axis below.
const FOOT: u32 = 80;

/// A row.
#[derive(Clone, Debug)]
pub(in crate::report::page) struct Row {
    pub(in crate::report::page) name: String,
    /// The span of a thin line, if there is one.
    pub(in crate::report::page) span: Option<(f64, f64)>,
    /// The span of a broad band, if there is one.
    pub(in crate::report::page) band: Option<(f64, f64)>,
    pub(in crate::report::page) marks: Vec<(f64, Mark, Role)>,
}

/// A chart of rows.
#[derive(Clone, Debug)]
pub(in crate::report::page) struct Rows {
    /// Its id in the page.
    pub(in crate::report::page) id: &'static str,
    pub(in crate::report::page) title: &'static str,
    /// A sentence beside the title.
    pub(in crate::report::page) note: String,
    pub(in crate::report::page) axis: Axis,
    pub(in crate::report::page) rows: Vec<Row>,
    pub(in crate::report::page) keys: Vec<Key>,
    /// A value that is marked through all rows.
    pub(in crate::report::page) through: Option<f64>,
}

impl Rows {
    /// The chart as a figure.
    pub(in crate::report::page) fn to_html(&self) -> Html {
        if self.rows.iter().all(|row| row.marks.iter().all(|(value, ..)| !self.axis.holds(*value))) {
            return nothing(self.title);
        }
        let description: Vec<_> = self.rows.iter().map(|row| self.description(row)).collect();
        let height = self.rows.len() as u32 * ROW + FOOT;
        figure(self.id, self.title, &self.note, &description.join("; "), &self.keys, height, |canvas| self.draw(canvas))
    }

    /// A row in words, for screen readers.
    fn description(&self, row: &Row) -> String {
        let values: Vec<_> = row.marks.iter().map(|(value, ..)| (self.axis.show)(*value)).collect();
        format!("{}: {}", row.name, values.join(", "))
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        let axis = &self.axis;
        let mut chart = ChartBuilder::on(canvas)
            .margin_left(52)
            .margin_right(52)
            .x_label_area_size(FOOT)
            .build_cartesian_2d(axis.clone(), 0.0..1.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .light_line_style(TRANSPARENT)
            .bold_line_style(Role::Grid.stroke(2))
            .axis_style(Role::Grid.stroke(2))
            .label_style(letters(Role::Letters, Pos::new(HPos::Center, VPos::Center)))
            .x_desc(axis.name.as_str())
            .draw()?;
        let place = |value: f64| chart.backend_coord(&(value, 0.0)).0;
        let range = chart.plotting_area().get_pixel_range();
        let inside = |value: f64| if axis.holds(value) { Some(place(value)) } else { None };
        if let Some(at) = self.through.and_then(inside) {
            canvas.draw(&PathElement::new(vec![(at, 0), (at, range.1.end)], Role::Letters.stroke(2)))?;
        }
        for (number, row) in self.rows.iter().enumerate() {
            let top = number as i32 * ROW as i32;
            let level = top + LINE;
            let name = Text::new(
                plain::harmless(&row.name).into_owned(),
                (range.0.start + 6, top + 10),
                letters(Role::Letters, Pos::new(HPos::Left, VPos::Top)),
            );
            canvas.draw(&name)?;
            if let Some((from, to)) = row.band {
                let ends = [place(from).max(range.0.start), place(to).min(range.0.end)];
                let fill = ShapeStyle { color: Role::Letters.colour().mix(0.18), filled: true, stroke_width: 0 };
                canvas.draw(&Rectangle::new([(ends[0], level - 13), (ends[1], level + 13)], fill))?;
            }
            if let Some((from, to)) = row.span.and_then(|(from, to)| inside(from).zip(inside(to))) {
                canvas.draw(&PathElement::new(vec![(from, level), (to, level)], Role::First.stroke(4)))?;
            }
            for (value, mark, role) in &row.marks {
                if let Some(at) = inside(*value) {
                    draw_mark(canvas, (at, level), *mark, *role)?;
                }
            }
        }
        Ok(())
    }
}
