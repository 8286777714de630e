//! The content of the platform's services when a session begins: the policies that the plugin's configuration names,
//! filled so that they fit the session. The session's user is in the user list or not, the directory knows the user or
//! not, the credential store has the password of the user's account on the target or not.
//!
//! `fill` makes the content, `appliance` that of the appliance's own files and configuration, and `names` finds the
//! policies in the configuration and the plugin's tokens.
//!
//! Two contents are never made: a service without a policy that the configuration names, and an option `$` without a
//! credential. Both are errors of an administrator, and hookstorm would report them for every plugin.
//! Answers that every service may give are made: an unknown name, an empty attribute, a directory that is down. The
//! plugin's own entries in the memory cache stay empty too, because only the plugin knows their form.

mod appliance;
mod fill;
mod names;
#[cfg(test)]
mod tests;

pub(super) use appliance::plain_file;
pub use fill::configured_services;
pub(super) use fill::of_session;
pub(crate) use fill::services_of_plugin;
pub(super) use names::ServiceNames;
