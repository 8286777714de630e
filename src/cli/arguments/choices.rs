//! The values of options that are one of a few words.

use clap::ValueEnum;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// In a pipe, too
    Always,
    /// Nowhere
    Never,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
    /// One JSON object on each line, for each event
    Ndjson,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for a CI server
    Junit,
    /// Markdown, for an issue or a summary
    Markdown,
    /// One HTML file
    Html,
}

/// The form of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ListFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}
