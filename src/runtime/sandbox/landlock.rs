//! Landlock: the kernel lets a plugin read what Python and the package need, and write to its scratch folder. If a
//! plugin uses a user name such as `/etc/passwd` as the name of a file, it must not overwrite that file because the
//! tester is root; and it must not read the keys in the tester's home.

use std::{io, path::PathBuf};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
    path_beneath_rules,
};

use super::AccessRules;

/// What every program on the machine needs: programs, libraries, facts from the kernel. No user's own files.
const SYSTEM: &[&str] =
    &["/bin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store", "/proc", "/sbin", "/sys", "/usr"];

/// What libraries look up: names, users, certificates, time zones; without the folders of private keys beside them.
const SETTINGS: &[&str] = &[
    "/etc/alternatives",
    "/etc/apache/mime.types",
    "/etc/apache2/mime.types",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/crypto-policies",
    "/etc/debian_version",
    "/etc/default/locale",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/httpd/mime.types",
    "/etc/httpd/conf/mime.types",
    "/etc/krb5.conf",
    "/etc/krb5.conf.d",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/ldap/ldap.conf",
    "/etc/locale.alias",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/lsb-release",
    "/etc/mime.types",
    "/etc/networks",
    "/etc/nsswitch.conf",
    "/etc/openldap/ldap.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/protocols",
    "/etc/redhat-release",
    "/etc/resolv.conf",
    "/etc/rpc",
    "/etc/services",
    "/etc/shells",
    // The appliance's own.
    "/etc/spp",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/terminfo",
    "/etc/timezone",
    "/var/lib/ca-certificates",
];

/// Devices that hold no user's data; a plugin may write to them too.
const DEVICES: &[&str] =
    &["/dev/full", "/dev/null", "/dev/random", "/dev/shm", "/dev/tty", "/dev/urandom", "/dev/zero"];

/// The rules for a plugin: it may read the machine's part, Python's folders below `prefixes` and `more`, and it may
/// write to folders of its `own`.
pub fn access_rules(own: &[PathBuf], prefixes: &[PathBuf], more: impl IntoIterator<Item = PathBuf>) -> AccessRules {
    let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
    let writable = paths(DEVICES).into_iter().chain(own.iter().cloned());
    // Only the folders that Python uses, since a prefix can be any folder, a home too.
    let inside = ["bin", "include", "lib", "lib64", "pyvenv.cfg", "share"];
    let python = prefixes.iter().flat_map(|prefix| inside.map(|name| prefix.join(name)));
    let readable = paths(SYSTEM).into_iter().chain(paths(SETTINGS)).chain(python).chain(more);
    AccessRules::new(readable, writable)
}

/// Restricts this process and all its children to the rules: what they read, execute and write. Paths that do not exist
/// are left out. If the kernel can, it also keeps them from sending signals to other processes.
///
/// # Errors
/// If the kernel has no Landlock.
pub fn restrict(access: &AccessRules) -> io::Result<()> {
    // The crate leaves out the rights that this kernel does not know.
    let (all, reading) = (AccessFs::from_all(ABI::V3), AccessFs::from_read(ABI::V3));
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(|ruleset| ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(access.readable(), reading)))
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(access.writable(), all)))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(io::Error::other)?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err(io::ErrorKind::Unsupported.into()),
        _ => Ok(()),
    }
}
