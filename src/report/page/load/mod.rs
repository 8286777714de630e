//! The measurements of a load run on the page: first the answers, then the tables, then the charts.

mod charts;
mod sections;
mod tables;

pub(super) use sections::{sections, summary, verdict};
