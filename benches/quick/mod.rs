//! How the benches of criterion run: long enough to see a change of some percent, short enough that all of them
//! together take a few minutes.

use std::time::Duration;

use criterion::Criterion;

/// Criterion, quick.
pub(crate) fn criterion() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2))
}
