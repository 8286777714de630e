//! A session, its calls and their values, and how they are written down: [`Session`], [`Call`], [`Value`], and [`Case`],
//! which is a session as a file.
//!
//! No randomness here: sessions are made in `generate/`. No judging: that is the oracles' work.
#![forbid(unsafe_code)]

mod file;
mod services;
mod session;
mod value;

pub use file::{Case, CaseError, RecordedFinding};
pub use services::{SERVICES, ServicesProblem, check_services, secrets_of_services};
pub use session::{Call, Session, SetOption};
pub(crate) use value::DictBuilder;
pub use value::Value;
