//! The progress line on standard error: a bar where that is a terminal, nothing elsewhere. Listens to a campaign's events
//! from any thread; findings scroll by above the bar as soon as they are confirmed.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text;
use crate::campaign::Event;

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(120);

/// The bar, or nothing.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    is_colourful: bool,
    width: usize,
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
        Self { bar, is_colourful, width }
    }

    /// Takes an event in.
    pub(crate) fn listen(&self, event: &Event) {
        if self.bar.is_hidden() {
            return;
        }
        match event {
            Event::Progress { sessions, of, calls, findings } => {
                if let (Some(of), None) = (of, self.bar.length()) {
                    self.bar.set_length(*of);
                    self.bar.set_style(style("{bar:30} {pos}/{len} sessions {msg} {elapsed}, {eta} left"));
                }
                self.bar.set_position(*sessions);
                self.bar.set_message(format!("{calls} calls, {findings} found"));
            }
            Event::Confirming { finding } => self.bar.set_message(format!("looking again at {}", finding.rule)),
            Event::Found(reported) => {
                let line = text::headline(&reported.finding, self.width);
                let line = line.trim_end();
                let plain = anstream::adapter::strip_str(line);
                self.bar.println(if self.is_colourful { line.to_owned() } else { plain.to_string() });
            }
        }
    }

    /// Tells lines above the bar, from any thread. Gives `false` where there is no bar: then they may stand anywhere.
    pub(crate) fn teller(&self) -> impl Fn(&str) -> bool + Send + 'static {
        let bar = self.bar.clone();
        move |line| {
            let is_shown = !bar.is_hidden() && !bar.is_finished();
            if is_shown {
                bar.println(line);
            }
            is_shown
        }
    }

    /// Takes the bar away, so that the report stands alone.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates here are well formed").progress_chars("=> ")
}
