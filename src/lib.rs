//! hookstorm finds how a plugin of Safeguard for Privileged Sessions breaks, before the platform does.
//!
//! Data flows one way through the modules, and so do imports: each imports only those above it in this list.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`contract`] | platforms, hooks, arguments, what may be returned |
//! | [`finding`] | rules, findings, fingerprints |
//! | [`package`] | archive, MANIFEST, configuration |
//! | [`case`] | sessions, calls, values and their JSON form |
//! | [`trace`] | what a run can show |
//! | [`generate`] | bytes to sessions |
//! | [`runtime`] | processes that hold CPython, and what they saw |
//! | [`oracle`] | (case, trace, contract) to findings |
//! | [`corpus`] | cases on disk or in a bucket |
//! | [`engine`] | ways to spend runs |
//! | [`load`] | arrivals by a schedule, what they waited, how many are carried |
//! | [`report`] | terminal and JSON |
//! | [`selftest`] | hookstorm with generated packages |
//! | [`cli`] | the commands |

pub mod case;
pub mod cli;
pub mod contract;
pub mod corpus;
pub mod engine;
pub mod finding;
pub mod generate;
pub mod load;
pub mod oracle;
pub mod package;
pub mod report;
pub mod runtime;
pub mod selftest;
pub mod trace;
