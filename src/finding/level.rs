//! Which rules the user turns off or gives another severity.

use std::{collections::BTreeMap, str::FromStr};

use thiserror::Error;

use super::{Finding, Rule, Severity};
use crate::contract::nearest_word;

/// The levels that the user sets: `--rule ID=error|warning|off`, or the same in hookstorm.toml. A later setting wins.
///
/// ```
/// use hookstorm::finding::{Rule, RuleLevels};
///
/// let mut levels = RuleLevels::default();
/// levels.set("lossy-json=off")?;
/// assert!(levels.is_set(Rule::LossyJson));
///
/// let error = levels.set("secret-leek=off").unwrap_err();
/// assert_eq!(error.to_string(), "`secret-leek` is not the id of a rule");
/// assert_eq!(error.hint(), "the nearest is `secret-leak`; `hookstorm rules` lists them all");
/// # Ok::<(), hookstorm::finding::LevelError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleLevels {
    levels: BTreeMap<Rule, Option<Severity>>,
}

/// Why `ID=LEVEL` is refused. [`LevelError::hint`] says what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LevelError {
    /// There is no `=` in it.
    #[error("`{word}` does not set the level of a rule")]
    NoLevel {
        /// The text.
        word: String,
    },
    /// No rule has that id.
    #[error("`{word}` is not the id of a rule")]
    UnknownRule {
        /// The text before the `=`.
        word: String,
        /// The nearest id.
        near: Option<&'static str>,
    },
    /// No level has that name.
    #[error("`{word}` is not a level for `{rule}`")]
    UnknownLevel {
        /// The rule.
        rule: Rule,
        /// The text after the `=`.
        word: String,
    },
}

impl LevelError {
    /// What to do, for the line below the error.
    pub fn hint(&self) -> String {
        match self {
            Self::NoLevel { .. } => "write `ID=error`, `ID=warning` or `ID=off`, for example `lossy-json=off`".into(),
            Self::UnknownRule { near: Some(near), .. } => {
                format!("the nearest is `{near}`; `hookstorm rules` lists them all")
            }
            Self::UnknownRule { near: None, .. } => "`hookstorm rules` lists them all".into(),
            Self::UnknownLevel { .. } => "the levels are `error`, `warning` and `off`".into(),
        }
    }
}

impl RuleLevels {
    /// Sets `ID=LEVEL`, as on the command line.
    ///
    /// # Errors
    /// [`LevelError`] if there is no such rule or level.
    pub fn set(&mut self, text: &str) -> Result<(), LevelError> {
        let (id, level) = text.split_once('=').ok_or_else(|| LevelError::NoLevel { word: text.to_owned() })?;
        self.set_level(id.trim(), level.trim())
    }

    /// Sets the rule with that id to `error`, `warning` or `off`.
    ///
    /// # Errors
    /// [`LevelError`] if there is no such rule or level.
    pub(crate) fn set_level(&mut self, id: &str, level: &str) -> Result<(), LevelError> {
        let rule = Rule::named(id).ok_or_else(|| LevelError::UnknownRule {
            near: nearest_word(id, Rule::ALL.iter().map(|rule| rule.id())).and_then(Rule::named).map(Rule::id),
            word: id.to_owned(),
        })?;
        let severity = match level {
            "error" => Some(Severity::Error),
            "warning" => Some(Severity::Warning),
            "off" => None,
            _ => return Err(LevelError::UnknownLevel { rule, word: level.to_owned() }),
        };
        self.levels.insert(rule, severity);
        Ok(())
    }

    /// Whether the user set a level for `rule`, so that a rule that is off by default is turned on.
    pub fn is_set(&self, rule: Rule) -> bool {
        self.levels.contains_key(&rule)
    }

    /// What the user set, each as `ID=LEVEL`.
    pub(crate) fn as_options(&self) -> impl Iterator<Item = String> {
        let word = |severity: &Option<Severity>| severity.map_or("off".to_owned(), |severity| severity.to_string());
        self.levels.iter().map(move |(rule, severity)| format!("{rule}={}", word(severity)))
    }

    /// Whether the user turned `rule` off.
    pub fn is_off(&self, rule: Rule) -> bool {
        self.levels.get(&rule) == Some(&None)
    }

    /// The finding at the level that the user set; `None` if the rule is off. A finding that needs a foreign cookie
    /// stays a warning.
    pub(crate) fn apply(&self, mut finding: Finding) -> Option<Finding> {
        match self.levels.get(&finding.rule) {
            None => {}
            Some(None) => return None,
            Some(Some(severity)) => finding.severity = *severity,
        }
        if finding.foreign_cookie {
            finding.severity = finding.severity.min(Severity::Warning);
        }
        Some(finding)
    }
}

impl FromStr for RuleLevels {
    type Err = LevelError;

    /// One `ID=LEVEL`.
    fn from_str(text: &str) -> Result<Self, LevelError> {
        let mut levels = Self::default();
        levels.set(text)?;
        Ok(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leak() -> Finding {
        Finding::draft(Rule::SecretLeak, "the gateway password is in the log").finish()
    }

    #[test]
    fn the_last_level_of_a_rule_wins() {
        let mut levels: RuleLevels = "secret-leak=warning".parse().unwrap();
        assert_eq!(levels.apply(leak()).unwrap().severity, Severity::Warning);
        levels.set("secret-leak=off").unwrap();
        assert_eq!(levels.apply(leak()), None);
        assert!(levels.is_off(Rule::SecretLeak) && !levels.is_set(Rule::Timeout));
    }

    #[test]
    fn a_warning_about_a_foreign_cookie_cannot_be_turned_up() {
        let levels: RuleLevels = "secret-leak=error".parse().unwrap();
        let finding = Finding { foreign_cookie: true, ..leak() };
        assert_eq!(levels.apply(finding).unwrap().severity, Severity::Warning);
    }

    #[test]
    fn a_wrong_level_is_named_with_what_to_do() {
        let of = |text: &str| {
            let error = text.parse::<RuleLevels>().unwrap_err();
            format!("{error}: {}", error.hint())
        };
        assert_eq!(
            of("lossy-jsn=off"),
            "`lossy-jsn` is not the id of a rule: the nearest is `lossy-json`; `hookstorm rules` lists them all"
        );
        assert_eq!(of("xyz=off"), "`xyz` is not the id of a rule: `hookstorm rules` lists them all");
        assert_eq!(
            of("timeout=fatal"),
            "`fatal` is not a level for `timeout`: the levels are `error`, `warning` and `off`"
        );
        assert!(of("timeout").starts_with("`timeout` does not set the level of a rule"));
    }
}
