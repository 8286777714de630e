//! The progress on standard error: a bar on a terminal; elsewhere nothing, or for long runs a line now and then.
//! Listens to events from any thread; findings are shown above the bar as soon as they are confirmed.

use std::{
    io::{IsTerminal, Write},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{FindingEntry, plain, text};
use crate::{
    engine::{Event, FuzzProgress},
    load::{self, LoadEvent},
};

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(120);

/// How often a line is written if there is no terminal.
const IN_A_PIPE_S: u64 = 60;

/// The bar, or nothing.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    is_shown: bool,
    is_in_a_pipe: bool,
    is_colourful: bool,
    width: usize,
    last_pulse_s: AtomicU64,
}

impl Progress {
    /// A bar if standard error is a terminal and `is_wanted`.
    pub(crate) fn new(is_wanted: bool, is_colourful: bool, width: usize) -> Self {
        let is_shown = is_wanted && std::io::stderr().is_terminal();
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if is_shown {
            bar.set_style(style("{spinner} {msg}"));
            bar.set_message("starting");
            bar.enable_steady_tick(TICK);
        }
        Self { bar, is_shown, is_in_a_pipe: false, is_colourful, width, last_pulse_s: AtomicU64::new(0) }
    }

    /// The same for `fuzz` and `load`, whose end is not known: a line with figures, and in a pipe such a line now and
    /// then.
    pub(crate) fn steered(is_wanted: bool, is_colourful: bool, width: usize) -> Self {
        let mut progress = Self::new(is_wanted, is_colourful, width);
        progress.is_in_a_pipe = is_wanted && !progress.is_shown;
        progress
    }

    /// A line that stays, above the bar or in the pipe.
    fn line(&self, line: &str) {
        if self.is_shown {
            self.bar.println(line);
        } else {
            // A failure here cannot be reported anywhere.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        }
    }

    /// Takes an event.
    pub(crate) fn listen(&self, event: &Event) {
        if !self.is_shown && !self.is_in_a_pipe {
            return;
        }
        match event {
            Event::Progress { .. } | Event::Confirming { .. } if !self.is_shown => {}
            Event::Progress { sessions, of, calls, findings } => {
                if let (Some(of), None) = (of, self.bar.length()) {
                    self.bar.set_length(*of);
                    self.bar.set_style(style("{bar:30} {pos}/{len} sessions {msg} {elapsed}, {eta} left"));
                }
                self.bar.set_position(*sessions);
                self.bar.set_message(format!("{calls} calls, {findings} found"));
            }
            Event::Confirming { finding } => self.bar.set_message(format!("reproducing {}", finding.rule)),
            Event::Found(reported) => {
                let line = text::headline(&FindingEntry::of(&reported.finding, 0, None), self.width);
                let line = line.trim_end();
                let plain = anstream::adapter::strip_str(line).to_string();
                self.line(if self.is_colourful { line } else { &plain });
            }
            Event::FuzzProgress(pulse) if self.is_shown => self.bar.set_message(live(pulse)),
            Event::FuzzProgress(pulse) => self.now_and_then(pulse.elapsed, || live(pulse)),
            Event::Note(note) => self.line(&format!("note: {}", plain::harmless(note))),
            Event::NewCoverage(_) => {}
        }
    }

    /// Takes an event of a load run.
    pub(crate) fn load(&self, event: &LoadEvent) {
        match event {
            LoadEvent::Engine(event) => self.listen(event),
            LoadEvent::Starting(started, of) if self.is_shown => {
                self.bar.set_message(format!("{started} of {of} workers started"));
            }
            LoadEvent::Trying(rate) if self.is_shown => self.line(&format!("trying {rate}")),
            LoadEvent::Progress(pulse) if self.is_shown => self.bar.set_message(load(pulse)),
            LoadEvent::Progress(pulse) => self.now_and_then(pulse.elapsed, || load(pulse)),
            LoadEvent::Starting(..) | LoadEvent::Trying(_) => {}
        }
    }

    /// A line in a pipe, unless there was one recently.
    fn now_and_then(&self, elapsed: Duration, line: impl FnOnce() -> String) {
        let (last, now) = (self.last_pulse_s.load(Ordering::Relaxed), elapsed.as_secs());
        if self.is_in_a_pipe && now >= last + IN_A_PIPE_S {
            self.last_pulse_s.store(now, Ordering::Relaxed);
            self.line(&line());
        }
    }

    /// Writes lines above the bar, from any thread. Returns `false` if there is no bar: then the caller may write
    /// anywhere.
    pub(crate) fn line_writer(&self) -> impl Fn(&str) -> bool + Send + 'static {
        let (bar, has_bar) = (self.bar.clone(), self.is_shown);
        move |line| {
            let is_shown = has_bar && !bar.is_finished();
            if is_shown {
                bar.println(line);
            }
            is_shown
        }
    }

    /// Removes the bar before the report.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The figures of `fuzz`: `12 min 5 s, 3120 sessions/s, …, 4.0 s since the last new edge`.
fn live(pulse: &FuzzProgress) -> String {
    let rate = |count: u64| (count as f64 / pulse.elapsed.as_secs_f64().max(0.001)).round();
    format!(
        "{}, {} sessions/s, {} calls/s, {} of {} lines, {} edges, corpus {}, {} found, {} since the last new edge",
        plain::elapsed(pulse.elapsed),
        rate(pulse.sessions),
        rate(pulse.calls),
        pulse.lines_hit,
        pulse.lines,
        pulse.edges,
        pulse.entries,
        pulse.findings,
        plain::elapsed(pulse.since_edge),
    )
}

/// The figures of `load`: `12 s, 49.8 sessions/s, 3 in flight, 0 waiting, p50 51.2 ms, p99 60.4 ms, 0 errors`.
fn load(pulse: &load::LoadProgress) -> String {
    format!(
        "{}, {:.1} sessions/s, {} in flight, {} waiting, p50 {:.1} ms, p99 {:.1} ms, {}",
        plain::elapsed(pulse.elapsed),
        pulse.achieved_rate,
        pulse.in_flight,
        pulse.waiting,
        pulse.p50_ms,
        pulse.p99_ms,
        plain::counted(pulse.errors, "error"),
    )
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates here are well formed").progress_chars("=> ")
}
