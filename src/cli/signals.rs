//! Ctrl-C and SIGTERM: the first one asks the campaign to end with its report, a second one ends at once. Either way no
//! scratch folder stays behind.

use std::thread;

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use super::{console::Console, seams};
use crate::campaign::Stop;

/// The exit status of what Ctrl-C ended, as shells have it.
const INTERRUPTED: i32 = 130;

/// Listens from now on. The thread lives as long as the program.
pub(super) fn listen(stop: &Stop, console: Console) {
    // Where signals cannot be had, Ctrl-C simply ends the program, as it always did.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    let stop = stop.clone();
    let _ = thread::Builder::new().name("signals".into()).spawn(move || {
        for _ in signals.forever() {
            if stop.requested() {
                seams::remove_scratch_folders();
                std::process::exit(INTERRUPTED);
            }
            stop.request();
            console.aside("stopping, the report follows; Ctrl-C again ends at once\n");
        }
    });
}
