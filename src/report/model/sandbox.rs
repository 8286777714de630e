//! [`SandboxStatus`]: how the plugin was sandboxed, and which protections this machine does not provide.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::runtime::sandbox::MissingProtections;

/// How much of the sandbox the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SandboxMode {
    /// All that this machine provides.
    On,
    /// All of it; without it nothing runs.
    Require,
    /// No sandbox.
    Off,
}

/// How the plugin was sandboxed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SandboxStatus {
    /// How much of the sandbox the user wanted.
    #[serde(deserialize_with = "known_mode")]
    pub mode: SandboxMode,
    /// Protections that this machine does not provide. Empty if the sandbox was off.
    #[serde(default)]
    #[schemars(!default)]
    pub missing: Vec<MissingProtection>,
}

/// A protection that this machine does not provide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MissingProtection {
    /// Its name, in the kernel's terms.
    pub protection: String,
    /// What a plugin can do without it.
    #[serde(default)]
    #[schemars(!default)]
    pub leaves_open: String,
}

/// A mode of a later version counts as `on`.
fn known_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SandboxMode, D::Error> {
    Ok(match String::deserialize(deserializer)?.as_str() {
        "off" => SandboxMode::Off,
        "require" => SandboxMode::Require,
        _ => SandboxMode::On,
    })
}

impl SandboxStatus {
    pub(crate) fn new(mode: SandboxMode, missing: MissingProtections) -> Self {
        let missing = missing.protections().map(|one| MissingProtection {
            protection: one.name().to_owned(),
            leaves_open: one.leaves_open().to_owned(),
        });
        Self { mode, missing: missing.collect() }
    }

    /// The missing protections and what a plugin can do without each, in one sentence; `None` if none is missing.
    pub(crate) fn warning(&self) -> Option<String> {
        let all: Vec<String> =
            self.missing.iter().map(|one| format!("{} ({})", one.protection, one.leaves_open)).collect();
        (!all.is_empty())
            .then(|| format!("this machine does not provide the whole sandbox; missing: {}", all.join("; ")))
    }

    /// How the sandbox was weaker than by default: `off`, `without Landlock`.
    pub(crate) fn weakness(&self) -> Option<String> {
        if self.mode == SandboxMode::Off {
            return Some("off".to_owned());
        }
        let missing: Vec<&str> = self.missing.iter().map(|one| one.protection.as_str()).collect();
        (!missing.is_empty()).then(|| format!("without {}", missing.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::sandbox::Protection;

    #[test]
    fn a_warning_names_each_missing_protection_and_its_risk() {
        let status = |missing| SandboxStatus::new(SandboxMode::On, missing);
        assert_eq!(status(MissingProtections::default()).warning(), None);
        let mut missing = MissingProtections::default();
        Protection::ALL.into_iter().for_each(|one| missing.add(one));
        let warning = status(missing).warning().unwrap();
        for one in Protection::ALL {
            assert!(warning.contains(&format!("{} ({})", one.name(), one.leaves_open())), "{warning}");
        }
    }

    #[test]
    fn the_json_has_the_same_names_and_is_read_again() {
        let mut missing = MissingProtections::default();
        missing.add(Protection::Mounts);
        let status = SandboxStatus::new(SandboxMode::On, missing);
        let json = serde_json::to_value(&status).unwrap();
        let leaves_open = Protection::Mounts.leaves_open();
        let wanted = serde_json::json!({
            "mode": "on", "missing": [{"protection": "mount namespaces", "leaves_open": leaves_open}]
        });
        assert_eq!(json, wanted);
        assert_eq!(serde_json::from_value::<SandboxStatus>(json).unwrap(), status);
    }

    #[test]
    fn only_a_missing_protection_or_no_sandbox_is_a_weakness() {
        let weakness = |json: &str| serde_json::from_str::<SandboxStatus>(json).unwrap().weakness();
        assert_eq!(weakness(r#"{"mode": "on", "missing": []}"#), None);
        assert_eq!(weakness(r#"{"mode": "of-tomorrow"}"#), None);
        assert_eq!(weakness(r#"{"mode": "off"}"#).as_deref(), Some("off"));
        let some =
            r#"{"mode": "on", "missing": [{"protection": "Landlock", "leaves_open": "x"}, {"protection": "more"}]}"#;
        assert_eq!(weakness(some).as_deref(), Some("without Landlock, more"));
    }
}
