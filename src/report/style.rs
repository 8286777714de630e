//! The few colours that a report has. Text is always written with them; the stream takes them away where nobody wants
//! colours.

use anstyle::{AnsiColor, Color, Style};

use crate::finding::Severity;

const fn coloured(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

/// An error.
pub(crate) const ERROR: Style = coloured(AnsiColor::Red).bold();
/// A warning.
pub(crate) const WARNING: Style = coloured(AnsiColor::Yellow).bold();
/// What is well.
pub(crate) const GOOD: Style = coloured(AnsiColor::Green).bold();
/// A label, an arrow, a gutter.
pub(crate) const LABEL: Style = coloured(AnsiColor::Cyan);
/// What the eye should find first.
pub(crate) const STRONG: Style = Style::new().bold();

/// The style of a severity.
pub(crate) const fn of(severity: Severity) -> Style {
    match severity {
        Severity::Error => ERROR,
        Severity::Warning => WARNING,
    }
}
