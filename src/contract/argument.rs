//! The arguments that the platform passes, with what each may be.

use std::fmt;

/// What an argument's value is, and when it may be None (\[G\], \[D\], \[A\]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgumentKind {
    /// A dict of simple data, `{}` at the first call.
    Cookie,
    /// Text, unique for the session.
    SessionId,
    /// One of the protocols of the plugin's type.
    Protocol,
    /// An IPv4 or IPv6 address as text.
    Ip,
    /// An IPv4 or IPv6 address as text; None if the target is not known yet (AA `authenticate`).
    TargetIp,
    /// A host's name as text, or None if DNS has no answer.
    Hostname,
    /// A host's name or address as text; for AA `authenticate` also None.
    Host,
    /// A domain as text, or None.
    Domain,
    /// A name that a user typed, or None.
    UserName,
    /// The target's user: text; for AA also None.
    TargetUser,
    /// Text, `""` or None.
    Password,
    /// A list of text, or None.
    Groups,
    /// An int from 1 to 65535; in AA `authenticate` None as well, for the target's.
    Port,
    /// A dict of text to text that a user or a client typed (AA).
    KeyValuePairs,
    /// Text that an administrator chose.
    ConnectionName,
    /// The host of a remote application, as text; may be empty.
    Asset,
}

macro_rules! arguments {
    ($($variant:ident $name:literal $kind:ident;)*) => {
        /// An argument of a hook. Its index in [`Argument::ALL`] is its number on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Argument { $(#[doc = concat!("`", $name, "`")] $variant,)* }

        impl Argument {
            /// Every argument of every hook.
            pub const ALL: &'static [Argument] = &[$(Argument::$variant,)*];

            /// Its name in a plugin's signature.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What its value may be.
            pub const fn kind(self) -> ArgumentKind {
                match self { $(Self::$variant => ArgumentKind::$kind,)* }
            }
        }
    };
}

arguments! {
    Cookie "cookie" Cookie;
    SessionCookie "session_cookie" Cookie;
    SessionId "session_id" SessionId;
    Protocol "protocol" Protocol;
    ConnectionName "connection_name" ConnectionName;
    ClientIp "client_ip" Ip;
    ClientPort "client_port" Port;
    ClientHostname "client_hostname" Hostname;
    KeyValuePairs "key_value_pairs" KeyValuePairs;
    GatewayUser "gateway_user" UserName;
    GatewayUsername "gateway_username" UserName;
    GatewayDomain "gateway_domain" Domain;
    GatewayPassword "gateway_password" Password;
    GatewayGroups "gateway_groups" Groups;
    TargetUsername "target_username" TargetUser;
    TargetHost "target_host" Host;
    TargetServer "target_server" Host;
    TargetDomain "target_domain" Domain;
    TargetPort "target_port" Port;
    ServerUsername "server_username" TargetUser;
    ServerIp "server_ip" TargetIp;
    ServerHostname "server_hostname" Hostname;
    ServerDomain "server_domain" Domain;
    ServerPort "server_port" Port;
    Asset "asset" Asset;
}

impl Argument {
    /// The argument of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|argument| argument.name() == name)
    }

    /// The argument with that number on the wire.
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_found_again_by_name_and_number() {
        for &argument in Argument::ALL {
            assert_eq!(Argument::named(argument.name()), Some(argument));
            assert_eq!(Argument::numbered(argument as u8), Some(argument));
        }
        assert_eq!(Argument::named("gateway_usernam"), None);
    }
}
