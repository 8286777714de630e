//! The hooks: which plugins must have them, since when, what the platform passes to them and what they may return.

use std::fmt;

use super::{Api, Argument, Platform, PluginType};

macro_rules! hooks {
    ($($variant:ident $name:literal;)*) => {
        /// An entry point of `Plugin`. Its index in [`Hook::ALL`] is its number on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Hook { $(#[doc = concat!("`", $name, "`")] $variant,)* }

        impl Hook {
            /// Every hook of every type.
            pub const ALL: &'static [Hook] = &[$(Hook::$variant,)*];

            /// Its name in the class.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

hooks! {
    GetPasswordList "get_password_list";
    GetPrivateKeyList "get_private_key_list";
    AuthenticationCompleted "authentication_completed";
    SessionEnded "session_ended";
    GetRemoteAppCredentials "get_remote_app_credentials";
    GetTotpCodes "get_totp_codes";
    Authenticate "authenticate";
    Authorize "authorize";
}

impl Hook {
    /// The hook of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|hook| hook.name() == name)
    }

    /// The hook with that number on the wire.
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The hook's row for plugins of `plugin_type`, if they have it on some platform.
    pub fn spec(self, plugin_type: PluginType) -> Option<&'static HookSpec> {
        HookSpec::all(plugin_type).iter().find(|spec| spec.hook == self)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the value of a documented key in a hook's result may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultShape {
    /// A dict of simple data.
    Cookie,
    /// A list of text \[G\].
    Passwords,
    /// A list of (type, PEM key) pairs \[G\].
    PrivateKeys,
    /// A list of `{unix_time: int, period: int, code: str}` \[D\].
    TotpCodes,
    /// Text or None.
    OptionalText,
    /// A bool.
    Bool,
    /// Anything that JSON can represent.
    AnyJson,
    /// `ACCEPT`, `DENY`, `NEEDINFO`, `NONE` or None \[A\].
    Verdict,
    /// (key: str, prompt: str, disable_echo: bool), with NEEDINFO \[A\].
    Question,
    /// Text \[A\].
    Text,
    /// A list or a tuple of text \[A\].
    Groups,
}

/// A key that the contract names in a hook's result. All keys are optional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultKey {
    /// The key.
    pub name: &'static str,
    /// What its value may be.
    pub shape: ResultShape,
    /// The first API level with it.
    pub since: Api,
}

const fn key(name: &'static str, shape: ResultShape) -> ResultKey {
    ResultKey { name, shape, since: Api::new(1, 0) }
}

const COOKIE: ResultKey = key("cookie", ResultShape::Cookie);
const SESSION_COOKIE: ResultKey = key("session_cookie", ResultShape::Cookie);

/// A hook of a type of plugin: a row of the contract's table.
#[derive(Clone, Copy, Debug)]
pub struct HookSpec {
    /// Which hook.
    pub hook: Hook,
    /// The first API level with it.
    pub since: Api,
    /// Whether every plugin of the type must have it.
    pub required: bool,
    /// What the platform passes, each argument with the first API level that has it.
    arguments: &'static [(Argument, Api)],
    /// The keys that a returned dict may have. Empty if the result is dropped.
    pub result: &'static [ResultKey],
    /// Whether the platform drops what the hook returns: `session_ended` \[G\].
    pub result_dropped: bool,
}

const V1_0: Api = Api::new(1, 0);
const V1_5: Api = Api::new(1, 5);

macro_rules! with_common {
    ($($extra:expr),* $(,)?) => {
        &[
            (Argument::Cookie, V1_0),
            (Argument::SessionCookie, V1_0),
            (Argument::SessionId, V1_0),
            $($extra,)*
        ]
    };
}

macro_rules! credential_store_arguments {
    ($($extra:expr),* $(,)?) => {
        with_common![
            (Argument::Protocol, V1_0),
            (Argument::ClientIp, V1_0),
            (Argument::ClientHostname, V1_5),
            (Argument::GatewayUsername, V1_0),
            (Argument::GatewayDomain, V1_0),
            (Argument::GatewayPassword, V1_0),
            (Argument::GatewayGroups, V1_0),
            (Argument::ServerUsername, V1_5),
            (Argument::ServerIp, V1_5),
            (Argument::ServerHostname, V1_5),
            (Argument::ServerDomain, V1_5),
            (Argument::ServerPort, V1_5),
            $($extra,)*
        ]
    };
}

/// The *target set* of the contract. The target_* arguments are deprecated from 1.5 and still passed \[D\].
const TARGET_SET: &[(Argument, Api)] = credential_store_arguments![
    (Argument::TargetUsername, V1_0),
    (Argument::TargetHost, V1_0),
    (Argument::TargetDomain, V1_0),
    (Argument::TargetPort, V1_0),
];

/// The arguments of hooks that only inform the plugin (\[G\], \[A\]).
const NOTICE: &[(Argument, Api)] = with_common![];

/// The hooks of credential stores (\[G\], \[D\]).
const CREDENTIAL_STORE: &[HookSpec] = &[
    HookSpec {
        hook: Hook::GetPasswordList,
        since: V1_0,
        required: true,
        arguments: TARGET_SET,
        result: &[key("passwords", ResultShape::Passwords), COOKIE, SESSION_COOKIE],
        result_dropped: false,
    },
    HookSpec {
        hook: Hook::GetPrivateKeyList,
        since: V1_0,
        required: true,
        arguments: TARGET_SET,
        result: &[key("private_keys", ResultShape::PrivateKeys), COOKIE, SESSION_COOKIE],
        result_dropped: false,
    },
    HookSpec {
        hook: Hook::AuthenticationCompleted,
        since: V1_0,
        required: true,
        arguments: NOTICE,
        result: &[COOKIE, SESSION_COOKIE],
        result_dropped: false,
    },
    HookSpec {
        hook: Hook::SessionEnded,
        since: V1_0,
        required: true,
        arguments: NOTICE,
        result: &[],
        result_dropped: true,
    },
    HookSpec {
        hook: Hook::GetRemoteAppCredentials,
        since: Api::new(1, 7),
        required: false,
        arguments: credential_store_arguments![(Argument::Asset, V1_0), (Argument::ConnectionName, V1_0)],
        result: &[
            key("account", ResultShape::OptionalText),
            key("asset", ResultShape::OptionalText),
            key("passwords", ResultShape::Passwords),
            key("need_info", ResultShape::Bool),
            key("launch_information", ResultShape::AnyJson),
            key("additional_information", ResultShape::AnyJson),
            COOKIE,
            SESSION_COOKIE,
        ],
        result_dropped: false,
    },
    HookSpec {
        hook: Hook::GetTotpCodes,
        since: Api::new(1, 9),
        required: false,
        arguments: credential_store_arguments![],
        result: &[key("totp_codes", ResultShape::TotpCodes), COOKIE, SESSION_COOKIE],
        result_dropped: false,
    },
];

macro_rules! aa_arguments {
    ($($extra:expr),* $(,)?) => {
        with_common![
            (Argument::Protocol, V1_0),
            (Argument::ConnectionName, V1_0),
            (Argument::ClientIp, V1_0),
            (Argument::ClientPort, V1_0),
            (Argument::KeyValuePairs, V1_0),
            (Argument::GatewayUser, V1_0),
            (Argument::TargetUsername, V1_0),
            (Argument::ClientHostname, V1_5),
            (Argument::GatewayDomain, V1_5),
            (Argument::ServerUsername, V1_5),
            (Argument::ServerDomain, V1_5),
            $($extra,)*
        ]
    };
}

/// The keys of a verdict (\[A\], \[S\]).
const VERDICT: &[ResultKey] = &[
    key("verdict", ResultShape::Verdict),
    key("question", ResultShape::Question),
    key("additional_metadata", ResultShape::Text),
    key("gateway_user", ResultShape::OptionalText),
    key("gateway_groups", ResultShape::Groups),
    ResultKey { name: "reason", shape: ResultShape::Text, since: Api::new(1, 6) },
    COOKIE,
    SESSION_COOKIE,
];

/// The hooks of Authentication and Authorization plugins (\[A\], \[S\]).
const AA: &[HookSpec] = &[
    HookSpec {
        hook: Hook::Authenticate,
        since: V1_0,
        required: true,
        arguments: aa_arguments![],
        result: VERDICT,
        result_dropped: false,
    },
    HookSpec {
        hook: Hook::Authorize,
        since: V1_0,
        required: true,
        arguments: aa_arguments![
            (Argument::GatewayGroups, V1_0),
            (Argument::TargetServer, V1_0),
            (Argument::TargetPort, V1_0),
            (Argument::ServerIp, V1_5),
            (Argument::ServerPort, V1_5),
            (Argument::ServerHostname, V1_5),
        ],
        result: VERDICT,
        result_dropped: false,
    },
    HookSpec {
        hook: Hook::SessionEnded,
        since: V1_0,
        required: true,
        arguments: NOTICE,
        result: &[],
        result_dropped: true,
    },
];

impl HookSpec {
    /// The hooks of plugins of `plugin_type`, on all platforms. Empty for the types whose hooks are not documented.
    pub const fn all(plugin_type: PluginType) -> &'static [HookSpec] {
        match plugin_type {
            PluginType::CredentialStore => CREDENTIAL_STORE,
            PluginType::Aa => AA,
            PluginType::SigningCa | PluginType::ConfigurationSync => &[],
        }
    }

    /// The hooks that `platform` calls on plugins of `plugin_type`.
    pub fn on(plugin_type: PluginType, platform: &Platform) -> impl Iterator<Item = &'static HookSpec> + use<> {
        let api = platform.api;
        Self::all(plugin_type).iter().filter(move |spec| spec.since <= api)
    }

    /// What `platform` passes, including the cookies, in the table's order.
    pub fn arguments(&self, platform: &Platform) -> impl Iterator<Item = Argument> + use<> {
        let api = platform.api;
        self.arguments.iter().filter(move |(_, since)| *since <= api).map(|(argument, _)| *argument)
    }

    /// The first API level that passes `argument` to this hook; `None` if the platform never passes it.
    pub(crate) fn argument_since(&self, argument: Argument) -> Option<Api> {
        self.arguments.iter().find(|(known, _)| *known == argument).map(|(_, since)| *since)
    }

    /// The key `name` of this hook's result.
    pub(crate) fn result_key(&self, name: &str) -> Option<&'static ResultKey> {
        self.result.iter().find(|key| key.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hook: Hook, plugin_type: PluginType, platform: &str) -> Vec<&'static str> {
        let platform = Platform::named(platform).unwrap();
        hook.spec(plugin_type).unwrap().arguments(platform).map(Argument::name).collect()
    }

    #[test]
    fn the_first_platform_passes_no_server_arguments() {
        let old = names(Hook::GetPasswordList, PluginType::CredentialStore, "5.10");
        assert!(old.contains(&"target_host") && !old.contains(&"server_ip"));
        let new = names(Hook::GetPasswordList, PluginType::CredentialStore, "9.0");
        assert!(new.contains(&"target_host") && new.contains(&"server_ip"));
    }

    #[test]
    fn remote_applications_get_an_asset_and_no_target() {
        let got = names(Hook::GetRemoteAppCredentials, PluginType::CredentialStore, "9.0");
        assert!(got.contains(&"asset") && got.contains(&"connection_name") && !got.contains(&"target_host"));
    }

    #[test]
    fn the_server_is_known_only_to_authorize() {
        assert!(!names(Hook::Authenticate, PluginType::Aa, "9.0").contains(&"server_ip"));
        assert!(names(Hook::Authorize, PluginType::Aa, "9.0").contains(&"server_ip"));
    }

    #[test]
    fn one_time_passwords_came_with_the_newest_platform() {
        let hooks = |platform: &str| {
            HookSpec::on(PluginType::CredentialStore, Platform::named(platform).unwrap())
                .map(|s| s.hook)
                .collect::<Vec<_>>()
        };
        assert!(!hooks("8.0").contains(&Hook::GetTotpCodes));
        assert!(hooks("9.0").contains(&Hook::GetTotpCodes));
    }
}
