//! [`Rerun`]: the options with which a command shows the same again. Settings in hookstorm.toml are read again anyway.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::plain;

/// What a command must repeat to show the same; the settings in hookstorm.toml are read again anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rerun {
    /// The user's options and their values, in order, one word each.
    pub options: Vec<String>,
    /// Those that only this command takes; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<String>,
    /// Levels of rules that the user set, `ID=LEVEL`.
    pub levels: Vec<String>,
    /// Whether the user configured the plugin, so that its own default.cfg was not used.
    pub configured: bool,
    /// The file of known findings, if the user named one.
    pub baseline: Option<String>,
}

impl Rerun {
    /// The command that runs `case` of `plugin` again and shows `rule`, to be pasted into a shell.
    pub(crate) fn case(&self, plugin: &str, case: &str, rule: Option<&str>) -> String {
        let level = self.levels.iter().rev().find(|level| {
            let id = level.split_once('=').map(|(id, _)| id.trim());
            id.is_some() && id == rule
        });
        let mut words = vec!["--case".to_owned(), case.to_owned()];
        words.extend(level.into_iter().flat_map(|level| ["--rule".to_owned(), level.clone()]));
        self.line("run", plugin, &words)
    }

    /// The whole command again, as the user typed it, with the seed that it used.
    pub(crate) fn whole(&self, command: &str, plugin: &str, seed: Option<u64>) -> String {
        let mut words = self.own.clone();
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        seed.into_iter().for_each(|seed| option("--seed", seed.to_string()));
        self.levels.iter().for_each(|level| option("--rule", level.clone()));
        self.baseline.iter().for_each(|file| option("--baseline", file.clone()));
        self.line(command, plugin, &words)
    }

    fn line(&self, command: &str, plugin: &str, words: &[String]) -> String {
        let all = [command, plugin].into_iter().chain(words.iter().chain(&self.options).map(String::as_str));
        let words: Vec<String> = all.map(plain::shell_word).collect();
        format!("hookstorm {}", words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_runs_a_case_again_can_be_pasted() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let rerun = Rerun {
            options: words(&["--config", "it's.cfg", "--timeout", "500ms", "--allow-network", "all"]),
            own: words(&["--runs", "50"]),
            levels: words(&["return-key-unknown=off", "return-key-unknown=error"]),
            configured: true,
            baseline: None,
        };
        assert_eq!(
            rerun.case("my vault/", "corpora/vault/3f.json", Some("return-key-unknown")),
            "hookstorm run 'my vault/' --case corpora/vault/3f.json --rule return-key-unknown=error \
             --config 'it'\\''s.cfg' --timeout 500ms --allow-network all"
        );
        assert!(!rerun.case("my vault/", "x.json", Some("timeout")).contains("--rule"));
    }
}
