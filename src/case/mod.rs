//! A session, its calls and their values, and how they are written down: [`Session`], [`Call`], [`Value`], what a hook returned as [`Observed`], and [`Case`],
//! which is a session as a file.
//!
//! No randomness here: sessions are made in `generate/`. No judging: that is the oracles' work.
#![forbid(unsafe_code)]

mod file;
mod observed;
mod services;
mod session;
mod value;

pub use crate::package::SetOption;
pub use file::{Case, CaseError, Found};
pub use observed::Observed;
pub(crate) use observed::is_invisible;
pub use services::{SERVICES, ServicesProblem, check_services, secrets_of_services};
pub use session::{Call, Session};
pub use value::Value;
