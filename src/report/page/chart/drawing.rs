//! The parts of every drawing: roles, marks, letters, and the figure with its title and legend.

use plotters::{prelude::*, style::text_anchor::Pos};

use crate::report::page::html::{Html, html};

/// How wide a chart is, in units of its own: three for a pixel of a phone.
pub(super) const WIDTH: u32 = 880;
/// The size of letters, as `plotters` counts it.
pub(super) const LETTERS: f64 = 25.0 * 1.24;

/// What a colour represents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report::page) enum Role {
    /// The first series, and so on.
    First = 1,
    Second = 2,
    Third = 3,
    Fourth = 4,
    /// Letters.
    Letters = 5,
    /// Lines of the grid.
    Grid = 6,
    /// A good result, and a bad one.
    Good = 7,
    Bad = 8,
}

impl Role {
    const ALL: [Self; 8] =
        [Self::First, Self::Second, Self::Third, Self::Fourth, Self::Letters, Self::Grid, Self::Good, Self::Bad];

    /// The colour in the drawing; no page shows it.
    pub(super) const fn colour(self) -> RGBColor {
        RGBColor(1, 0, self as u8)
    }

    pub(super) fn stroke(self, width: u32) -> ShapeStyle {
        ShapeStyle { color: self.colour().to_rgba(), filled: false, stroke_width: width }
    }

    pub(super) fn fill(self) -> ShapeStyle {
        ShapeStyle { color: self.colour().to_rgba(), filled: true, stroke_width: 0 }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::First => "1",
            Self::Second => "2",
            Self::Third => "3",
            Self::Fourth => "4",
            Self::Letters => "w",
            Self::Grid => "g",
            Self::Good => "y",
            Self::Bad => "n",
        }
    }
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report::page) enum Mark {
    Disc,
    Ring,
    Diamond,
    Square,
    Cross,
    Bar,
}

pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
/// `plotters` cannot fail when it writes into memory.
pub(super) type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws `mark` with its middle at `at`.
pub(super) fn draw_mark(canvas: &Canvas<'_>, at: (i32, i32), mark: Mark, role: Role) -> Drawn {
    let (x, y) = at;
    let shape = |size: i32, corners: [(i32, i32); 4]| {
        Polygon::new(corners.map(|(dx, dy)| (x + dx * size, y + dy * size)).to_vec(), role.fill())
    };
    let line = |from: (i32, i32), to: (i32, i32)| PathElement::new(vec![from, to], role.stroke(5));
    match mark {
        Mark::Disc => canvas.draw(&Circle::new(at, 10, role.fill()))?,
        Mark::Ring => canvas.draw(&Circle::new(at, 9, role.stroke(4)))?,
        Mark::Diamond => canvas.draw(&shape(13, [(0, -1), (1, 0), (0, 1), (-1, 0)]))?,
        Mark::Square => canvas.draw(&shape(9, [(-1, -1), (1, -1), (1, 1), (-1, 1)]))?,
        Mark::Cross => {
            canvas.draw(&line((x - 10, y - 10), (x + 10, y + 10)))?;
            canvas.draw(&line((x - 10, y + 10), (x + 10, y - 10)))?;
        }
        Mark::Bar => canvas.draw(&line((x, y - 14), (x, y + 14)))?,
    }
    Ok(())
}

/// Letters of `role`, anchored as `pos`.
pub(super) fn letters(role: Role, pos: Pos) -> TextStyle<'static> {
    let font = ("sans-serif", LETTERS).into_font();
    TextStyle { font, color: role.colour().to_backend_color(), pos }
}

/// An entry of the legend.
#[derive(Clone, Debug)]
pub(in crate::report::page) struct Key {
    pub(in crate::report::page) name: String,
    pub(in crate::report::page) role: Role,
    /// A mark, or a line.
    pub(in crate::report::page) mark: Option<Mark>,
}

/// A chart with its title, and with a legend if it shows more than one thing.
pub(super) fn figure(
    id: &str,
    title: &str,
    note: &str,
    description: &str,
    keys: &[Key],
    height: u32,
    draw: impl Fn(&Canvas<'_>) -> Drawn,
) -> Html {
    let Some(drawing) = svg((WIDTH, height), draw) else { return nothing(title) };
    let inside = drawing.split_once('>').map_or("", |(_, inside)| inside);
    // One thing needs no legend: the axis names it.
    let keys = if keys.len() > 1 { keys } else { &[] };
    let legend: Html = keys.iter().map(|key| html!("<li>{}{}</li>", swatch(key), &key.name)).collect();
    let legend = if legend.is_empty() { legend } else { html!("<ul class=\"legend\">{}</ul>", legend) };
    let note = if note.is_empty() { Html::default() } else { html!(" <span>{}</span>", note) };
    html!(
        "<figure class=\"chart\" id=\"{}\"><figcaption><b>{}</b>{}</figcaption>\n\
         <svg viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{}-title {}-description\">\
         <title id=\"{}-title\">{}</title><desc id=\"{}-description\">{}</desc>\n{}\n{}</figure>\n",
        id,
        title,
        note,
        u64::from(WIDTH),
        u64::from(height),
        id,
        id,
        id,
        title,
        id,
        description,
        Html::own(inside.to_owned()),
        legend
    )
}

/// The sentence that replaces an empty chart.
pub(super) fn nothing(title: &str) -> Html {
    html!("<p class=\"nothing\">{}: there is nothing to draw.</p>\n", title)
}

/// A drawing whose colours are classes.
fn svg(size: (u32, u32), draw: impl Fn(&Canvas<'_>) -> Drawn) -> Option<String> {
    let mut text = String::new();
    {
        let canvas = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&canvas).ok()?;
        canvas.present().ok()?;
    }
    for role in Role::ALL {
        let RGBColor(red, green, blue) = role.colour();
        let colour = format!("#{red:02X}{green:02X}{blue:02X}");
        text = text.replace(&format!("fill=\"{colour}\""), &format!("class=\"f{}\"", role.class()));
        text = text.replace(&format!("stroke=\"{colour}\""), &format!("class=\"l{}\"", role.class()));
    }
    // The page's style says this anyway.
    let size = format!("font-size=\"{}\" ", LETTERS / 1.24);
    for said in ["opacity=\"1\" ", " stroke=\"none\"", "font-family=\"sans-serif\" ", "stroke-width=\"0\"", &size] {
        text = text.replace(said, "");
    }
    Some(text.replace(" \"", "\""))
}

fn swatch(key: &Key) -> Html {
    let inside = svg((60, 32), |canvas| match key.mark {
        Some(mark) => draw_mark(canvas, (30, 16), mark, key.role),
        None => Ok(canvas.draw(&PathElement::new(vec![(2, 16), (58, 16)], key.role.stroke(5)))?),
    });
    let inside = inside.unwrap_or_default();
    let inside = inside.split_once('>').map_or("", |(_, inside)| inside);
    html!("<svg viewBox=\"0 0 60 32\" aria-hidden=\"true\">{}", Html::own(inside.to_owned()))
}
