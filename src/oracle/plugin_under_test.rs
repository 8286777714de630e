//! What the oracles must know besides session and trace.

use super::signature::{self, WrappedHook};
use crate::{
    case::SetOption,
    contract::{Hook, Platform, PluginType},
    package::configuration,
    trace::Loading,
};

/// The plugin and the platform under test; the same for all sessions that share a configuration.
#[derive(Clone, Debug)]
pub struct PluginUnderTest {
    /// The type of plugin.
    pub plugin_type: PluginType,
    /// The platform that hookstorm simulates.
    pub platform: &'static Platform,
    /// Values of the configuration's options that are named like secrets: canaries.
    pub configuration_secrets: Vec<String>,
    /// The options that have these values.
    pub secret_options: Vec<SetOption>,
    /// Whether the configuration sets the log level to debug. It decides only about text of which no record of
    /// `logging` is known.
    pub logs_debug: bool,
    /// Text that the plugin may write although a canary contains it: its own constants, and the configuration without
    /// its secrets.
    pub known_text: Vec<String>,
    /// The constants of the plugin's own code alone. A word of them is no secret.
    pub own_words: Vec<String>,
    /// The names in the plugin's own code.
    pub own_names: Vec<String>,
    /// Section and name of the options whose values `configparser` refuses, because of a percent sign.
    pub stray_percents: Vec<(String, String)>,
    /// Hooks that are wrapped, and so hide which arguments they take.
    pub wrapped_hooks: Vec<WrappedHook>,
    /// Whether the plugin asks for `otp` with the echo on, a ticket number for instance: then it is no secret.
    pub asks_otp_openly: bool,
    /// Hooks that require what the platform never passes. A finding of loading reports them, so the TypeError of each
    /// call is not reported.
    pub uncallable_hooks: Vec<Hook>,
    /// Whether the plugin has the hook `session_ended`; true where loading was not observed.
    pub has_session_ended: bool,
    /// Whether the installed SDK is newer than the platform and requires arguments that came later.
    pub sdk_mismatch: bool,
    /// Whether keys that the contract does not name are reported. Off for AA plugins, because an example in their guide
    /// has such a key \[A\], unless the user sets the rule's level.
    pub reports_unknown_keys: bool,
}

impl PluginUnderTest {
    /// A plugin of `plugin_type` on `platform`, with its configuration text and the secrets in it. With `loading` the
    /// oracles know the plugin's own text and signatures, and so report less that is not the plugin's fault.
    ///
    /// ```
    /// use hookstorm::{case::Session, contract::{Platform, PluginType}, oracle::{self, PluginUnderTest}, trace::Trace};
    ///
    /// let plugin = PluginUnderTest::new(PluginType::Aa, Platform::newest(), "[auth]\n", Vec::new(), false, None);
    /// assert!(oracle::judge(&plugin, &Session::new(Vec::new()), &Trace::default()).is_empty());
    /// ```
    pub fn new(
        plugin_type: PluginType,
        platform: &'static Platform,
        configuration: &str,
        secrets: Vec<String>,
        logs_debug: bool,
        loading: Option<&Loading>,
    ) -> Self {
        let own_words = loading.map(|loading| loading.tokens.strings.clone()).unwrap_or_default();
        let options = configuration::secret_options(configuration).into_iter();
        let secret_options = options
            .map(|option| SetOption { section: option.section, name: option.name, value: option.value })
            .collect();
        let mut known_text = Vec::new();
        if !configuration.is_empty() {
            let mut plain = configuration.to_owned();
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                plain = plain.replace(secret.as_str(), "");
            }
            known_text.push(plain);
        }
        if let Some(loading) = loading {
            known_text.extend(loading.tokens.strings.iter().cloned());
            for option in &loading.tokens.options {
                known_text.extend([option.section.clone(), option.name.clone()]);
                known_text.extend(option.value.clone().filter(|value| !secrets.contains(value)));
            }
        }
        Self {
            plugin_type,
            platform,
            configuration_secrets: secrets,
            secret_options,
            logs_debug,
            known_text,
            own_words,
            own_names: loading.map(|loading| loading.tokens.names.clone()).unwrap_or_default(),
            stray_percents: configuration::options_with_stray_percent(configuration),
            wrapped_hooks: loading.map(signature::wrapped).unwrap_or_default(),
            asks_otp_openly: false,
            uncallable_hooks: loading
                .map_or_else(Vec::new, |loading| signature::uncallable(plugin_type, platform, loading)),
            has_session_ended: loading.is_none_or(|loading| {
                loading.hooks.iter().any(|signature| signature.hook == Hook::SessionEnded && signature.callable)
            }),
            sdk_mismatch: loading
                .is_some_and(|loading| !signature::newer_sdk_requires(plugin_type, platform, loading).is_empty()),
            reports_unknown_keys: plugin_type != PluginType::Aa,
        }
    }
}
