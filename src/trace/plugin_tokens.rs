//! The plugin's own words: what its code compares with, looks up and reads from its configuration.

use serde::{Deserialize, Serialize};

/// The most words that are kept.
const STRINGS_LIMIT: usize = 4096;
/// The longest word, in characters: beyond this it is a text and no word.
const STRING_CHARS_LIMIT: usize = 256;

/// PluginTokens that a plugin's code and default.cfg know. Collected by the worker from code objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PluginTokens {
    /// String constants, docstrings left out, shortest first, each once.
    pub strings: Vec<String>,
    /// Int constants, ascending.
    pub numbers: Vec<i64>,
    /// Options of default.cfg and of the configuration in use.
    pub options: Vec<OptionToken>,
    /// The platform's services that the code uses, by their keys in [`crate::case::SERVICES`], and `sdk` where it stands
    /// on the SDK, whose configuration may name more of them. Sessions fill in no others.
    #[serde(default)]
    pub services: Vec<String>,
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
    /// Puts the words in order, each once: the shortest 4,096 strings of at most 256 characters, numbers ascending,
    /// options by section and name. The same words in any order give the same.
    pub fn normalise(&mut self) {
        self.strings.retain(|text| text.chars().nth(STRING_CHARS_LIMIT).is_none());
        self.strings.sort_unstable_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        self.strings.dedup();
        self.strings.truncate(STRINGS_LIMIT);
        self.numbers.sort_unstable();
        self.numbers.dedup();
        self.numbers.truncate(STRINGS_LIMIT);
        self.options.sort_by(|a, b| (&a.section, &a.name, &a.value).cmp(&(&b.section, &b.name, &b.value)));
        self.options.dedup();
        self.options.truncate(STRINGS_LIMIT);
        self.services.sort_unstable();
        self.services.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_any_order_give_the_same_words() {
        let mut words = PluginTokens {
            strings: ["vp", "questions", "a", "vp", &"x".repeat(257), &"é".repeat(256)].map(str::to_owned).to_vec(),
            numbers: vec![22, -1, 22],
            ..PluginTokens::default()
        };
        words.normalise();
        assert_eq!(words.strings, ["a", "vp", "questions", &"é".repeat(256)]);
        assert_eq!(words.numbers, [-1, 22]);
    }
}
