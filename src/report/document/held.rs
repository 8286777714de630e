//! What held the plugin, read back.

use serde::Deserialize;

/// What held the plugin.
#[derive(Clone, Debug, Deserialize)]
pub struct HeldRead {
    /// How the sandbox was wanted: on, require or off.
    pub mode: String,
    /// What the machine withheld of it.
    #[serde(default)]
    pub missing: Vec<Withheld>,
}

/// Something that the machine withheld.
#[derive(Clone, Debug, Deserialize)]
pub struct Withheld {
    /// What it is.
    pub protection: String,
}

impl HeldRead {
    /// What was not as it is by default: `off`, `without Landlock`.
    pub fn weakness(&self) -> Option<String> {
        if self.mode == "off" {
            return Some("off".to_owned());
        }
        let missing: Vec<&str> = self.missing.iter().map(|one| one.protection.as_str()).collect();
        (!missing.is_empty()).then(|| format!("without {}", missing.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_a_weakness() {
        let weakness = |json: &str| serde_json::from_str::<HeldRead>(json).unwrap().weakness();
        assert_eq!(weakness(r#"{"mode": "on", "missing": []}"#), None);
        assert_eq!(weakness(r#"{"mode": "off"}"#).as_deref(), Some("off"));
        let some =
            r#"{"mode": "on", "missing": [{"protection": "Landlock", "leaves_open": "x"}, {"protection": "more"}]}"#;
        assert_eq!(weakness(some).as_deref(), Some("without Landlock, more"));
    }
}
