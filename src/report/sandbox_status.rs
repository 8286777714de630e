//! What held the plugin while it was run: how the user wanted it, and what the machine withheld.

use schemars::JsonSchema;
use serde::Serialize;

use crate::runtime::sandbox::MissingProtections;

/// How the sandbox was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SandboxMode {
    /// With what the machine gives.
    On,
    /// Whole, or nothing is run.
    Require,
    /// Nothing held the plugin.
    Off,
}

/// What held a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SandboxStatus {
    /// How it was wanted.
    pub wish: SandboxMode,
    /// What the machine withheld.
    pub missing: MissingProtections,
}

impl SandboxStatus {
    /// What the machine withheld and what that leaves open, in a sentence; `None` where nothing is missing.
    pub fn withheld(missing: MissingProtections) -> Option<String> {
        let all: Vec<String> =
            missing.protections().map(|one| format!("{} ({})", one.name(), one.leaves_open())).collect();
        (!all.is_empty()).then(|| format!("this machine withholds of the sandbox: {}", all.join("; ")))
    }
}

/// What held the plugin.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SandboxJson {
    mode: SandboxMode,
    /// What the machine withheld of it. Nothing where it was off.
    missing: Vec<MissingJson>,
}

/// A protection that the machine does not give.
#[derive(Debug, Serialize, JsonSchema)]
struct MissingJson {
    /// What it is, in the kernel's terms.
    protection: &'static str,
    /// What is open without it.
    leaves_open: &'static str,
}

impl From<SandboxStatus> for SandboxJson {
    fn from(held: SandboxStatus) -> Self {
        let missing = held.missing.protections();
        let missing = missing.map(|one| MissingJson { protection: one.name(), leaves_open: one.leaves_open() });
        Self { mode: held.wish, missing: missing.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::sandbox::Protection;

    #[test]
    fn what_is_missing_is_told_with_what_it_leaves_open() {
        assert_eq!(SandboxStatus::withheld(MissingProtections::default()), None);
        let mut missing = MissingProtections::default();
        Protection::ALL.into_iter().for_each(|one| missing.add(one));
        let told = SandboxStatus::withheld(missing).unwrap();
        for one in Protection::ALL {
            assert!(told.contains(&format!("{} ({})", one.name(), one.leaves_open())), "{told}");
        }
    }

    #[test]
    fn machines_read_the_same() {
        let mut missing = MissingProtections::default();
        missing.add(Protection::Mounts);
        let json = serde_json::to_value(SandboxJson::from(SandboxStatus { wish: SandboxMode::On, missing })).unwrap();
        let leaves_open = Protection::Mounts.leaves_open();
        let wanted = serde_json::json!({
            "mode": "on", "missing": [{"protection": "mount namespaces", "leaves_open": leaves_open}]
        });
        assert_eq!(json, wanted);
    }
}
