//! Charts of a page: [`Plot`] for series along an axis, [`Rows`] for things side by side. `plotters` draws them as SVG,
//! in colours that represent roles; roles become classes, so that the page's style chooses the colour, light or dark. A
//! role is never shown by colour alone: lines have dashes, marks have shapes.
//!
//! Any numbers are accepted. Values that cannot be drawn are left out; without values there is a sentence instead.

mod axis;
mod drawing;
mod plot;
mod rows;

pub(super) use axis::{Axis, Scale, TimeUnit};
pub(super) use drawing::{Key, Mark, Role};
pub(super) use plot::{Line, Look, Plot, Series};
pub(super) use rows::{Row, Rows};
