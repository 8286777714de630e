//! The colours of a report. Text always has them; the stream removes them if nobody wants colours.

use anstyle::{AnsiColor, Color, Style};

use crate::finding::Severity;

const fn coloured(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

/// An error.
pub(crate) const ERROR: Style = coloured(AnsiColor::Red).bold();
/// A warning.
pub(crate) const WARNING: Style = coloured(AnsiColor::Yellow).bold();
/// A good result.
pub(crate) const GOOD: Style = coloured(AnsiColor::Green).bold();
/// A label, an arrow, a gutter.
pub(crate) const LABEL: Style = coloured(AnsiColor::Cyan);
/// What the reader should see first.
pub(crate) const STRONG: Style = Style::new().bold();

/// The style of a severity.
pub(crate) const fn of(severity: Severity) -> Style {
    match severity {
        Severity::Error => ERROR,
        Severity::Warning => WARNING,
    }
}
