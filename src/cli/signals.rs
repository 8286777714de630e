//! Ctrl-C and SIGTERM. During a run, the first one asks it to end with its report, and the second one ends the program
//! at once. Before and after a run there is nothing to report, and the first one ends the program. No scratch folder
//! remains.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use super::console::Console;
use crate::{engine::Stop, package};

/// The effect of Ctrl-C.
#[derive(Clone, Debug)]
pub(super) struct Interrupts {
    stop: Stop,
    asks_first: Arc<AtomicBool>,
    /// The exit status of the signal that asked the run to end, as shells define it; 0 for none.
    status: Arc<AtomicU8>,
}

impl Interrupts {
    /// Listens from now on, in a thread that lives as long as the program. If that fails, Ctrl-C ends the program, and
    /// the next run removes its scratch folders.
    pub(super) fn listen(console: Console) -> Self {
        let interrupts = Self { stop: Stop::default(), asks_first: Arc::default(), status: Arc::default() };
        if let Ok(signals) = Signals::new([SIGINT, SIGTERM]) {
            let listener = interrupts.clone();
            let _ = thread::Builder::new().name("signals".into()).spawn(move || listener.obey(signals, console));
        }
        interrupts
    }

    /// From now on, the first Ctrl-C asks the run that has [`Self::stop`] to end.
    pub(super) fn ask_first(&self) {
        self.asks_first.store(true, Ordering::Relaxed);
    }

    /// The flag that a run checks to see whether it should end.
    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// The exit status of a run that a signal stopped before its end: 130 or 143. `None` if none did.
    pub(super) fn status(&self) -> Option<u8> {
        Some(self.status.load(Ordering::Relaxed)).filter(|status| *status > 0)
    }

    fn obey(self, mut signals: Signals, console: Console) {
        for signal in signals.forever() {
            if self.stop.requested() || !self.asks_first.load(Ordering::Relaxed) {
                package::remove_scratch_folders();
                std::process::exit(128 + signal);
            }
            self.status.store(u8::try_from(128 + signal).unwrap_or(u8::MAX), Ordering::Relaxed);
            self.stop.request();
            console.aside("stopping, the report follows; press Ctrl-C again to end at once\n");
        }
    }
}
