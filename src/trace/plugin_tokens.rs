//! A dictionary of tokens for the fuzzer: what the plugin's code compares with, looks up and reads from its
//! configuration.

use serde::{Deserialize, Serialize};

/// The most tokens of a kind.
const TOKENS_LIMIT: usize = 4096;
/// The longest string, in characters. A longer one is no token but a text.
const STRING_CHARS_LIMIT: usize = 256;
/// The longest regular expression, in characters.
const PATTERN_CHARS_LIMIT: usize = 2048;

/// The tokens in a plugin's code and configuration. The worker collects them from code objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PluginTokens {
    /// String constants without docstrings, shortest first, each once.
    pub strings: Vec<String>,
    /// Regular expressions that the code compiled when it was imported, and long string constants that may be some,
    /// shortest first, each once. Flags that change what an expression matches stand before it: `(?x)`.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// Int constants, ascending.
    pub numbers: Vec<i64>,
    /// Options of default.cfg and of the configuration in use.
    pub options: Vec<OptionToken>,
    /// What the code uses of the platform: services by their keys in [`crate::case::SERVICES`], parts of the box
    /// configuration by their keys, folders of the appliance by their paths. And `sdk` if it is based on the SDK, whose
    /// configuration may name more services. Sessions contain nothing else of the platform.
    #[serde(default)]
    pub services: Vec<String>,
    /// The names of variables, functions, attributes and arguments in the code, ascending. No session contains them for
    /// that; a key of a cookie that is one of them is the plugin's own.
    #[serde(default)]
    pub names: Vec<String>,
}

/// An option of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionToken {
    /// Its section.
    pub section: String,
    /// Its name.
    pub name: String,
    /// Its value, if it has one.
    pub value: Option<String>,
}

impl PluginTokens {
    /// Sorts the tokens and removes duplicates: the shortest 4,096 strings of at most 256 characters, numbers
    /// ascending, options by section and name. The result does not depend on the order before.
    pub(crate) fn normalise(&mut self) {
        self.strings.retain(|text| text.chars().nth(STRING_CHARS_LIMIT).is_none());
        self.strings.sort_unstable_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        self.strings.dedup();
        self.strings.truncate(TOKENS_LIMIT);
        self.patterns.retain(|text| text.chars().nth(PATTERN_CHARS_LIMIT).is_none());
        self.patterns.sort_unstable_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        self.patterns.dedup();
        self.patterns.truncate(TOKENS_LIMIT);
        self.numbers.sort_unstable();
        self.numbers.dedup();
        self.numbers.truncate(TOKENS_LIMIT);
        self.options.sort_by(|a, b| (&a.section, &a.name, &a.value).cmp(&(&b.section, &b.name, &b.value)));
        self.options.dedup();
        self.options.truncate(TOKENS_LIMIT);
        self.services.sort_unstable();
        self.services.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_in_any_order_give_the_same_tokens() {
        let mut tokens = PluginTokens {
            strings: ["vp", "questions", "a", "vp", &"x".repeat(257), &"é".repeat(256)].map(str::to_owned).to_vec(),
            numbers: vec![22, -1, 22],
            ..PluginTokens::default()
        };
        tokens.normalise();
        assert_eq!(tokens.strings, ["a", "vp", "questions", &"é".repeat(256)]);
        assert_eq!(tokens.numbers, [-1, 22]);
    }
}
