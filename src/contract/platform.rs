//! Platforms and the API level of each, and the types of plugin. A platform fixes what is passed, whatever the plugin's
//! own `api` says.

use std::fmt;

/// An API level, `major.minor`. The maintenance number is ignored everywhere \[S\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Api {
    /// The number before the dot; a plugin must have the platform's own.
    pub major: u64,
    /// The number after the dot; a plugin's may not be above the platform's.
    pub minor: u64,
}

impl Api {
    /// The level `major.minor`.
    pub const fn new(major: u64, minor: u64) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A version of Safeguard for Privileged Sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Platform {
    /// As people write it, `9.0`.
    pub name: &'static str,
    /// The API level that it offers \[S\].
    pub api: Api,
    /// The Python that it runs plugins on.
    pub python: &'static str,
}

/// \[S\]; 5.11 and 6.0 offer the same level.
const PLATFORMS: &[Platform] = &[
    Platform { name: "5.10", api: Api::new(1, 0), python: "3.6" },
    Platform { name: "5.11", api: Api::new(1, 1), python: "3.6" },
    Platform { name: "6.0", api: Api::new(1, 1), python: "3.6" },
    Platform { name: "6.1", api: Api::new(1, 2), python: "3.6" },
    Platform { name: "6.2", api: Api::new(1, 3), python: "3.6" },
    Platform { name: "6.3", api: Api::new(1, 4), python: "3.6" },
    Platform { name: "6.5", api: Api::new(1, 5), python: "3.6" },
    Platform { name: "6.7", api: Api::new(1, 6), python: "3.6" },
    Platform { name: "6.12", api: Api::new(1, 7), python: "3.8" },
    Platform { name: "8.0", api: Api::new(1, 8), python: "3.8" },
    Platform { name: "9.0", api: Api::new(1, 9), python: "3.12" },
];

impl Platform {
    /// All platforms, oldest first.
    pub const fn all() -> &'static [Platform] {
        PLATFORMS
    }

    /// The newest platform, which is the default.
    pub const fn newest() -> &'static Platform {
        &PLATFORMS[PLATFORMS.len() - 1]
    }

    /// The platform of that name, `9.0`.
    pub fn named(name: &str) -> Option<&'static Platform> {
        PLATFORMS.iter().find(|platform| platform.name == name)
    }

    /// The first platform that offers `api`.
    pub fn first_with(api: Api) -> Option<&'static Platform> {
        PLATFORMS.iter().find(|platform| platform.api >= api)
    }

    /// Whether this is the platform of the 5.10 guide, whose MANIFEST rules differ from all later ones \[G\].
    pub fn is_first(&self) -> bool {
        self.api == Api::new(1, 0)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a plugin is for, as its MANIFEST's `type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PluginType {
    /// `credentialstore`: hands out passwords and keys \[G\].
    CredentialStore,
    /// `aa`: authenticates and authorizes users \[A\].
    Aa,
    /// `signingca`: its hooks are documented nowhere; none is called \[S\].
    SigningCa,
    /// `configuration_sync`: its hooks are documented nowhere; none is called \[S\].
    ConfigurationSync,
}

impl PluginType {
    /// All types.
    pub const ALL: [PluginType; 4] = [Self::CredentialStore, Self::Aa, Self::SigningCa, Self::ConfigurationSync];

    /// The word in MANIFEST.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CredentialStore => "credentialstore",
            Self::Aa => "aa",
            Self::SigningCa => "signingca",
            Self::ConfigurationSync => "configuration_sync",
        }
    }

    /// The type that MANIFEST calls `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plugin_type| plugin_type.name() == name)
    }

    /// The protocols that the platform names to plugins of this type, the everyday one first (\[G\], \[A\]).
    pub const fn protocols(self) -> &'static [&'static str] {
        match self {
            Self::CredentialStore => &["ssh", "rdp", "telnet", "http", "ica", "vnc"],
            Self::Aa => &["ssh", "rdp", "telnet", "http", "ica", "vnc", "tsg", "mssql"],
            Self::SigningCa | Self::ConfigurationSync => &[],
        }
    }

    /// Whether `platform` knows this type: 5.10 knows the first two \[G\], later ones all \[S\].
    pub fn known_to(self, platform: &Platform) -> bool {
        matches!(self, Self::CredentialStore | Self::Aa) || !platform.is_first()
    }
}

impl fmt::Display for PluginType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_rise_and_the_newest_is_the_default() {
        assert!(PLATFORMS.windows(2).all(|pair| pair[0].api <= pair[1].api));
        assert_eq!(Platform::newest().api, Api::new(1, 9));
        assert_eq!(Platform::named("6.12").map(|platform| platform.api), Some(Api::new(1, 7)));
        assert_eq!(Platform::named("6.9"), None);
    }

    #[test]
    fn only_later_platforms_know_signing_authorities() {
        assert!(!PluginType::SigningCa.known_to(Platform::named("5.10").unwrap()));
        assert!(PluginType::SigningCa.known_to(Platform::newest()));
    }
}
