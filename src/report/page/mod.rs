//! The report as a page: one HTML file that loads nothing. No script runs in it, and its own policy forbids the browser
//! to fetch anything, so that it can be mailed, kept and opened without a network.
//!
//! Light and dark follow the reader's system; tables that are wider than a phone scroll in a box of their own. Text of
//! a plugin is escaped by type: see `html`.

mod call;
mod cases;
mod chart;
mod coverage;
mod finding;
mod head;
mod html;
mod layout;
mod load;
mod parts;
mod prose;

#[cfg(test)]
mod tests;

pub use layout::text;
