//! Artefacts for testing other programs: manifests for another MANIFEST reader, packages for another runtime, sessions
//! for another reader of cases. Each comes with a line of JSON that says what is expected of it; `docs/generate.md`
//! describes the fields.
//!
//! An artefact depends on its settings and its number alone: not on the machine, the time, or the number of artefacts.
//! The first artefacts of a longer series are those of a shorter one.

mod expected;
mod manifest;
mod package;
mod session;

use crate::{
    contract::{Platform, PluginType},
    generate::source::nth_bytes,
};
use manifest::manifest;
use package::package;
use session::session;

/// The most attempts to make one artefact that is valid, or invalid, with known expectations. Most need fewer than ten.
const ATTEMPTS: u64 = 1 << 16;

/// A kind of artefact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArtefactKind {
    /// A MANIFEST.
    Manifest,
    /// A package: a folder or an archive.
    Package,
    /// A session, written as a case.
    Session,
}

impl ArtefactKind {
    /// Its word on the command line and in file names.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Package => "package",
            Self::Session => "session",
        }
    }

    /// The share of invalid artefacts if the user does not choose one.
    pub(crate) const fn default_invalid_ratio(self) -> f64 {
        match self {
            Self::Manifest | Self::Package => 0.5,
            // Mostly the reader of sessions is a runtime, which needs valid ones.
            Self::Session => 0.0,
        }
    }
}

/// What artefacts to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArtefactSettings {
    /// Their kind.
    pub(crate) kind: ArtefactKind,
    /// The seed.
    pub(crate) seed: u64,
    /// The share of invalid artefacts, from 0 to 1.
    pub(crate) invalid_ratio: f64,
    /// The platform that they are for.
    pub(crate) platform: &'static Platform,
    /// The type of plugin that they are for; `None` for both types.
    pub(crate) plugin_type: Option<PluginType>,
}

/// A generated artefact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artefact {
    /// Its files: paths, relative to the folder of all artefacts, and contents.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// What is expected of it: a line of JSON without its line feed.
    pub(crate) expected: String,
    /// Whether it is valid.
    pub(crate) valid: bool,
}

/// The artefact with this number, from 1. `None` if no attempt gave one, which is a defect.
pub(crate) fn artefact(settings: &ArtefactSettings, number: u64) -> Option<Artefact> {
    let valid = !is_invalid(settings.invalid_ratio, number);
    let label = format!("{}-{number:06}", settings.kind.name());
    if settings.kind == ArtefactKind::Session {
        let fault = (!valid).then(|| invalid_until(settings.invalid_ratio, number));
        return Some(session(settings, number, label, fault));
    }
    (0..ATTEMPTS).find_map(|attempt| {
        let bytes = |length| nth_bytes(settings.seed, number * ATTEMPTS + attempt, length);
        match settings.kind {
            ArtefactKind::Package => package(settings, number, &label, valid, bytes),
            _ => manifest(settings, number, &label, valid, bytes),
        }
    })
}

/// Whether the artefact with this number is invalid. Of the first `n`, exactly `round(n × ratio)` are, evenly spread:
/// so the share is right for every `n`, and a longer series begins with the shorter one.
fn is_invalid(ratio: f64, number: u64) -> bool {
    invalid_until(ratio, number) > invalid_until(ratio, number - 1)
}

/// How many of the first `number` artefacts are invalid.
fn invalid_until(ratio: f64, number: u64) -> u64 {
    (number as f64 * ratio).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(kind: ArtefactKind, invalid_ratio: f64) -> ArtefactSettings {
        ArtefactSettings { kind, seed: 42, invalid_ratio, platform: Platform::newest(), plugin_type: None }
    }

    #[test]
    fn of_any_number_of_artefacts_exactly_the_share_is_invalid() {
        for ratio in [0.0, 0.001, 0.1, 0.25, 1.0 / 3.0, 0.5, 0.77, 0.999, 1.0] {
            let mut invalid = 0;
            for number in 1..=2000_u64 {
                invalid += u64::from(is_invalid(ratio, number));
                assert_eq!(invalid, (number as f64 * ratio).round() as u64, "{ratio}: {number}");
            }
        }
    }

    #[test]
    fn every_artefact_exists_is_as_valid_as_asked_for_and_is_the_same_again() {
        for kind in [ArtefactKind::Manifest, ArtefactKind::Package, ArtefactKind::Session] {
            for platform in Platform::all() {
                for plugin_type in [None, Some(PluginType::Aa), Some(PluginType::CredentialStore)] {
                    let settings = ArtefactSettings { platform, plugin_type, ..settings(kind, 0.5) };
                    for number in 1..=20 {
                        let one = artefact(&settings, number).unwrap();
                        assert_eq!(one.valid, !is_invalid(0.5, number));
                        assert_eq!(Some(&one), artefact(&settings, number).as_ref());
                        assert!(!one.expected.contains('\n') && !one.files.is_empty());
                    }
                }
            }
        }
    }
}
