//! The forms of a report: here a name that the user may give meets the file in `report/` that writes it. One more form is
//! one more line in [`write()`], and its name in `arguments`.

use std::env;

use super::arguments::Format;
use crate::report::{Document, junit, markdown, page, sarif};

/// `document` in that form, for a screen of `width` characters.
pub(super) fn write(format: Format, document: &Document, width: usize, is_verbose: bool) -> String {
    match format {
        Format::Text => document.to_text(width, is_verbose),
        // Events are told as they happen; of a run that is over only its end is left, which is the report.
        Format::Json | Format::Ndjson => document.to_json(),
        Format::Sarif => sarif::text(document, env::current_dir().ok().as_deref()),
        Format::Junit => junit::text(document),
        Format::Markdown => markdown::text(document),
        Format::Html => page::text(document),
    }
}
