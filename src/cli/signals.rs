//! Ctrl-C and SIGTERM. While a campaign runs, the first one asks it to end with its report and a second one ends at once;
//! before and after, where there is nothing to report, the first one ends at once. Either way no scratch folder stays.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use super::{console::Console, seams};
use crate::engine::Stop;

/// The exit status of what Ctrl-C ended, as shells have it.
const INTERRUPTED: i32 = 130;

/// What Ctrl-C does now.
#[derive(Debug)]
pub(super) struct Interrupts {
    stop: Stop,
    asks_first: Arc<AtomicBool>,
}

impl Interrupts {
    /// Listens from now on, in a thread that lives as long as the program. Where signals cannot be had, Ctrl-C simply
    /// ends the program, and the next one clears up behind it.
    pub(super) fn listen(console: Console) -> Self {
        let (stop, asks_first) = (Stop::default(), Arc::new(AtomicBool::new(false)));
        if let Ok(signals) = Signals::new([SIGINT, SIGTERM]) {
            let (stop, asks_first) = (stop.clone(), Arc::clone(&asks_first));
            let _ =
                thread::Builder::new().name("signals".into()).spawn(move || obey(signals, &stop, &asks_first, console));
        }
        Self { stop, asks_first }
    }

    /// From now on Ctrl-C first asks the campaign to end that gets, or will get, [`Self::stop`].
    pub(super) fn ask_first(&self) {
        self.asks_first.store(true, Ordering::Relaxed);
    }

    /// What a campaign looks at to learn that it should end.
    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }
}

fn obey(mut signals: Signals, stop: &Stop, asks_first: &AtomicBool, console: Console) {
    for _ in signals.forever() {
        if stop.requested() || !asks_first.load(Ordering::Relaxed) {
            seams::remove_scratch_folders();
            std::process::exit(INTERRUPTED);
        }
        stop.request();
        console.aside("stopping, the report follows; Ctrl-C again ends at once\n");
    }
}
