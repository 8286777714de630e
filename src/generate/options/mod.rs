//! Options of a configuration with plausible values: `--vary-config` sets them on top of the configuration in use.
//!
//! A value comes from default.cfg, which has an option's default and whose comments list choices, and from the option's
//! name: a port, an address, a secret in a credential store. Every value makes sense, because a plugin may refuse
//! nonsense in its configuration. Every value is safe in an INI file that `configparser` interpolates: it is on one
//! line, with `%` doubled.
//!
//! `choices` collects the values, `comments` reads them out of the comments of default.cfg, `names` fills in the
//! placeholders that stand for names.

mod choices;
mod comments;
mod names;

pub use choices::{OptionChoice, option_choices};
