//! Options of a configuration with plausible values: what `--vary-config` sets on top of the configuration in use.

use crate::package::ConfigOption;

/// An option that may be set, with the values that it may be set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionChoice {
    /// Its section.
    pub section: String,
    /// Its name, in lower case.
    pub name: String,
    /// What it may be set to, the documented default first; never empty. Each is safe in an INI file.
    pub values: Vec<String>,
}

/// The options that `documented`, the options of default.cfg, knows, except those that `given` sets: what the user set
/// is not changed.
pub fn option_choices(documented: &[ConfigOption], given: &[ConfigOption]) -> Vec<OptionChoice> {
    let is_given = |option: &ConfigOption| {
        given.iter().any(|known| !known.commented && known.section == option.section && known.name == option.name)
    };
    documented
        .iter()
        .filter(|option| !is_given(option))
        .map(|option| OptionChoice {
            section: option.section.clone(),
            name: option.name.clone(),
            values: vec![option.value.clone().unwrap_or_else(|| "yes".to_owned())],
        })
        .collect()
}
