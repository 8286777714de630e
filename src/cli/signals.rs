//! Ctrl-C and SIGTERM. During a run, the first one asks it to end with its report, and the second one ends the program
//! at once. Before and after a run there is nothing to report, and the first one ends the program. No scratch folder
//! remains.

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

use super::console::Console;
use crate::{engine::Stop, package};

/// The exit status of a program that Ctrl-C ended, as shells define it.
const INTERRUPTED: i32 = 130;

/// The effect of Ctrl-C.
#[derive(Debug)]
pub(super) struct Interrupts {
    stop: Stop,
    asks_first: Arc<AtomicBool>,
}

impl Interrupts {
    /// Listens from now on, in a thread that lives as long as the program. If that fails, Ctrl-C ends the program, and
    /// the next run removes its scratch folders.
    pub(super) fn listen(console: Console) -> Self {
        let (stop, asks_first) = (Stop::default(), Arc::new(AtomicBool::new(false)));
        if let Ok(signals) = Signals::new([SIGINT, SIGTERM]) {
            let (stop, asks_first) = (stop.clone(), Arc::clone(&asks_first));
            let _ =
                thread::Builder::new().name("signals".into()).spawn(move || obey(signals, &stop, &asks_first, console));
        }
        Self { stop, asks_first }
    }

    /// From now on, the first Ctrl-C asks the run that has [`Self::stop`] to end.
    pub(super) fn ask_first(&self) {
        self.asks_first.store(true, Ordering::Relaxed);
    }

    /// The flag that a run checks to see whether it should end.
    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }
}

fn obey(mut signals: Signals, stop: &Stop, asks_first: &AtomicBool, console: Console) {
    for _ in signals.forever() {
        if stop.requested() || !asks_first.load(Ordering::Relaxed) {
            package::remove_scratch_folders();
            std::process::exit(INTERRUPTED);
        }
        stop.request();
        console.aside("stopping, the report follows; press Ctrl-C again to end at once\n");
    }
}
