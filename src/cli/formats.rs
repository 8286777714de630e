//! `--format`: its values, their help and the shell's completion come from the list of forms.

use std::sync::LazyLock;

use clap::{ValueEnum, builder::PossibleValue};

use crate::report::Format;

/// What the help says of `--format`.
pub(in crate::cli) struct FormatHelp {
    /// `text|json|…`
    pub(in crate::cli) names: String,
    /// What each of them is.
    pub(in crate::cli) text: String,
}

/// For a command that runs a plugin.
pub(in crate::cli) static OF_A_RUN: LazyLock<FormatHelp> = LazyLock::new(|| help(|_| true));

/// For `report`, which makes a form of a finished report.
pub(super) static OF_A_FILE: LazyLock<FormatHelp> = LazyLock::new(|| help(|format| !format.is_stream));

fn help(is_offered: fn(&Format) -> bool) -> FormatHelp {
    let offered: Vec<Format> = Format::ALL.iter().copied().filter(is_offered).collect();
    let names: Vec<&str> = offered.iter().map(|format| format.name).collect();
    let abouts: Vec<String> = offered.iter().map(|format| format!("{} ({})", format.name, format.about)).collect();
    let text = format!("Form of the report: {} [default: {}]", abouts.join(", "), Format::default().name);
    FormatHelp { names: names.join("|"), text }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name).help(self.about))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_in_the_help_and_a_stream_is_not_offered_for_a_file() {
        for format in Format::ALL {
            assert!(OF_A_RUN.text.contains(&format!("{} ({})", format.name, format.about)), "{}", OF_A_RUN.text);
            let is_offered = OF_A_FILE.names.split('|').any(|name| name == format.name);
            assert_eq!(is_offered, !format.is_stream, "{}", format.name);
        }
    }
}
