//! Text for a terminal. [`report()`] makes a report, [`opening`] the line that a run begins with, [`rules()`] and
//! [`explanation`] what is known of rules. All of it has colours; the stream removes them if nobody wants them.
//!
//! One screen: the first groups of findings are shown in full, the others in two lines each, and why a rule matters is
//! said once.

mod call;
mod cases;
mod finding;
mod layout;
mod load;
mod report;
mod rules;

pub(crate) use finding::headline;
pub(crate) use layout::wrapped;
pub(crate) use load::load;
pub use report::{opening, report};
pub use rules::{explanation, rules};

#[cfg(test)]
mod tests;
