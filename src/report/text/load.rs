//! The measurements of a load run on one screen: at most 24 lines for six hooks, however much was measured. Times are
//! in milliseconds. Rows that do not fit are counted; the JSON has all.

use super::layout::{INDENT, wrapped};
use crate::{
    load::{Growth, Limit, Measured, Percentiles},
    report::{
        plain,
        style::{ERROR, GOOD, LABEL, STRONG, WARNING},
    },
};

/// How many objectives, regressions and steps of the capacity are shown.
const OBJECTIVES: usize = 3;
const REGRESSIONS: usize = 3;
const STEPS: usize = 8;
/// How many hooks have a line each: more than any type of plugin has.
const HOOKS: usize = 12;

/// The table of `measured`, for a screen of `width` characters.
pub(crate) fn load(measured: &Measured, width: usize) -> String {
    let mut text = rates(measured, width);
    table(&mut text, measured, width);
    let processors = &measured.processors;
    let machine = format!(
        "{}, {} busy, {} with the plugin's calls; schedule {} ms late (p99)",
        plain::counted(processors.count as u64, "processor"),
        percent(processors.busy),
        percent(processors.plugin),
        ms(measured.schedule_delay.p99_ms),
    );
    labelled(&mut text, "machine", &machine, width);
    objectives(&mut text, measured, width);
    capacity(&mut text, measured, width);
    comparison(&mut text, measured, width);
    if !measured.growth.is_empty() {
        let grown: Vec<_> = measured.growth.iter().map(growth).collect();
        labelled(&mut text, "growth", &grown.join("; "), width);
    }
    text
}

/// The offered rate and the achieved rate.
fn rates(measured: &Measured, width: usize) -> String {
    let head = format!(
        "offered {}/s, achieved {}/s, {} calls/s; {} in {} s",
        rate(measured.offered_rate),
        rate(measured.achieved_rate),
        rate(measured.call_rate),
        plain::counted(measured.sessions, "session"),
        rate(measured.duration_seconds),
    );
    let kind = [measured.arrivals.as_str(), measured.isolation.as_str()];
    let mut kind: Vec<_> = kind.iter().filter(|word| !word.is_empty()).map(|word| plain::harmless(word)).collect();
    if measured.in_flight > 0 {
        kind.push(format!("{} at once", measured.in_flight).into());
    }
    let kind = if kind.is_empty() { String::new() } else { format!(" ({})", kind.join(", ")) };
    let mut text = format!("{STRONG}{}{STRONG:#}\n", plain::cut(&format!("{head}{kind}"), width));
    if measured.saturated {
        let why = "sessions came faster than they were served; the time in the queue is in the latencies";
        text.push_str(&format!("{ERROR}saturated{ERROR:#}: {}\n", plain::cut(why, width.saturating_sub(11))));
    }
    if measured.unfinished > 0 {
        let left = plain::counted(measured.unfinished, "session");
        text.push_str(&format!("{WARNING}unfinished{WARNING:#}: {left} when the run stopped waiting\n"));
    }
    text
}

/// Each hook and the sessions, a line each.
fn table(text: &mut String, measured: &Measured, width: usize) {
    let head = format!(
        "{:<26}{:>7}{:>7}{:>7}{:>7}{:>7}{:>7}{:>7}{:>7}{:>6}{:>6}{:>6}",
        "times in ms", "count", "errors", "p50", "p90", "p99", "p99.9", "max", "plugin", "wait", "cpu", "MB"
    );
    text.push_str(&format!("{LABEL}{}{LABEL:#}\n", plain::cut(&head, width)));
    let latency = |name: &str, errors: u64, of: &Percentiles| {
        format!(
            "{:<26}{:>7}{:>7}{:>7}{:>7}{:>7}{:>7}{:>7}",
            plain::cut(&plain::harmless(name), 26),
            of.count,
            errors,
            ms(of.p50_ms),
            ms(of.p90_ms),
            ms(of.p99_ms),
            ms(of.p99_9_ms),
            ms(of.max_ms)
        )
    };
    for (name, hook) in measured.hooks.iter().take(HOOKS) {
        let line = format!(
            "{}{:>7}{:>6}{:>6}{:>6}",
            latency(name, hook.errors, &hook.latency),
            ms(hook.plugin.p50_ms),
            ms(hook.waiting.p50_ms),
            ms(hook.cpu_ms),
            rate(hook.peak_mb)
        );
        let line = plain::cut(&line, width);
        text.push_str(&if hook.errors > 0 { format!("{ERROR}{line}{ERROR:#}\n") } else { format!("{line}\n") });
    }
    if measured.hooks.len() > HOOKS {
        text.push_str(&format!("and {} more\n", plain::counted((measured.hooks.len() - HOOKS) as u64, "hook")));
    }
    let line = latency("whole session", measured.errors, &measured.session);
    text.push_str(&format!("{STRONG}{}{STRONG:#}\n", plain::cut(&line, width)));
}

fn objectives(text: &mut String, measured: &Measured, width: usize) {
    let mut all: Vec<_> = measured.objectives.iter().collect();
    // Missed objectives come first.
    all.sort_by_key(|one| one.met);
    for one in all.iter().take(OBJECTIVES) {
        let (objective, figure) = (plain::harmless(&one.objective), plain::harmless(&one.measured));
        if one.met {
            mark(text, "met", GOOD, &format!("{objective}: {figure}"), width);
        } else {
            let by = percent(one.missed_by);
            mark(text, "missed", ERROR, &format!("{objective}: {figure}, off by {by}"), width);
        }
    }
    more(text, all.len(), OBJECTIVES, "objective");
}

fn capacity(text: &mut String, measured: &Measured, width: usize) {
    let Some(capacity) = &measured.capacity else { return };
    let limit = match capacity.limit {
        Limit::Plugin => "limited by the plugin",
        Limit::Machine => "limited by this machine, not by the plugin",
        Limit::InFlight => "limited by `--in-flight`",
        Limit::None => "nothing limited it",
    };
    let reason = plain::harmless(&capacity.reason);
    let shown = if capacity.rate > 0.0 {
        format!("{} sessions/s, {limit}: {reason}", rate(capacity.rate))
    } else {
        format!("no rate met the objectives, {limit}: {reason}")
    };
    labelled(text, "capacity", &shown, width);
    // The steps around the limit are the most interesting; they come last.
    let skipped = capacity.steps.len().saturating_sub(STEPS);
    let steps = capacity.steps.iter().skip(skipped).map(|step| {
        let missed = if step.met { "" } else { " missed" };
        format!("{}/s {} ms{missed}", rate(step.rate), ms(step.p99_ms))
    });
    let steps: Vec<_> = steps.collect();
    if !steps.is_empty() {
        labelled(text, "p99 at", &steps.join(", "), width);
    }
}

fn comparison(text: &mut String, measured: &Measured, width: usize) {
    let Some(baseline) = &measured.baseline else { return };
    let worse: Vec<_> = baseline.changes.iter().filter(|change| change.regression).collect();
    let file = plain::harmless(&baseline.file);
    if worse.is_empty() {
        labelled(text, "baseline", &format!("no worse than {file} by more than the noise"), width);
    }
    for change in worse.iter().take(REGRESSIONS) {
        let shown = format!(
            "{} {}: {} → {} (noise {}), against {file}",
            plain::harmless(&change.of),
            plain::harmless(&change.figure),
            ms(change.before),
            ms(change.after),
            ms(change.noise)
        );
        mark(text, "worse", ERROR, &shown, width);
    }
    more(text, worse.len(), REGRESSIONS, "regression");
    if !baseline.notes.is_empty() {
        let notes: Vec<_> = baseline.notes.iter().map(|note| plain::harmless(note)).collect();
        let room = width.saturating_sub(INDENT).max(40) * 2;
        labelled(text, "compared", &plain::cut(&notes.join("; "), room), width);
    }
}

/// `memory 120 bytes a call, 20.0 → 21.1 MB in 10000 calls`.
fn growth(one: &Growth) -> String {
    let calls = plain::counted(one.calls, "call");
    if one.what == "memory" {
        let mb = |bytes: f64| format!("{:.1}", bytes / f64::from(1 << 20));
        return format!("memory {:.0} bytes a call, {} → {} MB in {calls}", one.per_call, mb(one.from), mb(one.to));
    }
    let what = plain::harmless(&one.what);
    format!("{what} {:.3} a call, {:.0} → {:.0} in {calls}", one.per_call, one.from, one.to)
}

fn labelled(text: &mut String, label: &str, shown: &str, width: usize) {
    mark(text, label, LABEL, shown, width);
}

fn mark(text: &mut String, label: &str, style: anstyle::Style, shown: &str, width: usize) {
    let gap = INDENT.saturating_sub(label.len() + 1);
    text.push_str(&format!("{style}{label}{style:#}:{:gap$}{}\n", "", wrapped(shown, width, INDENT)));
}

fn more(text: &mut String, all: usize, shown: usize, noun: &str) {
    if all > shown {
        text.push_str(&format!("{:INDENT$}and {} more\n", "", plain::counted((all - shown) as u64, noun)));
    }
}

/// A time in milliseconds with about three digits: `1.24`, `52.3`, `612`, `12.3s`.
fn ms(ms: f64) -> String {
    match ms {
        ms if ms < 9.995 => format!("{ms:.2}"),
        ms if ms < 99.95 => format!("{ms:.1}"),
        ms if ms < 9999.5 => format!("{ms:.0}"),
        ms => format!("{:.1}s", ms / 1e3),
    }
}

/// A rate or an amount: `0.25`, `49.8`, `1200`.
fn rate(rate: f64) -> String {
    match rate {
        rate if rate.fract() == 0.0 || rate >= 999.5 => format!("{rate:.0}"),
        rate if rate < 1.0 => format!("{rate:.2}"),
        rate => format!("{rate:.1}"),
    }
}

/// A part from 0 to 1.
fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::examples;

    fn plain_text(measured: &Measured, width: usize) -> String {
        anstream::adapter::strip_str(&load(measured, width)).to_string()
    }

    #[test]
    fn a_run_is_shown_with_what_it_missed_and_by_how_much() {
        let text = plain_text(&examples::measured(2), 100);
        insta::assert_snapshot!(text, @r"
        offered 50/s, achieved 41.8/s, 148.9 calls/s; 1500 sessions in 30 s (poisson, isolated, 8 at once)
        saturated: sessions came faster than they were served; the time in the queue is in the latencies
        times in ms                 count errors    p50    p90    p99  p99.9    max plugin  wait   cpu    MB
        get_password_list            1500      2   52.3   98.1    612   1890  12.3s   52.3  1.24  3.50  41.2
        get_private_key_list         1500      2   52.3   98.1    612   1890  12.3s   52.3  1.24  3.50  41.2
        whole session                1500      2   52.3   98.1    612   1890  12.3s
        machine:    2 processors, 97.0 % busy, 81.0 % with the plugin's calls; schedule 0.31 ms late (p99)
        missed:     p99=500ms: 612ms, off by 22.4 %
        met:        errors=1%: 0.04%
        capacity:   40 sessions/s, limited by this machine, not by the plugin: 97 % of the processors were
                    busy at 50/s
        p99 at:     20/s 55.0 ms, 40/s 120 ms, 50/s 612 ms missed
        worse:      session p99_ms: 50.0 → 612 (noise 4.00), against yesterday.json
        growth:     memory 120 bytes a call, 20.0 → 21.1 MB in 10000 calls
        ");
    }

    #[test]
    fn the_worst_of_six_hooks_fits_one_screen() {
        let mut measured = examples::measured(6);
        let again = measured.objectives.clone();
        measured.objectives.extend(again.iter().cycle().take(9).cloned());
        let baseline = measured.baseline.as_mut().unwrap();
        let worse = baseline.changes[0].clone();
        baseline.changes.extend(std::iter::repeat_n(worse, 20));
        let capacity = measured.capacity.as_mut().unwrap();
        let step = capacity.steps[0];
        capacity.steps.extend(std::iter::repeat_n(step, 30));
        let text = plain_text(&measured, 100);
        assert!(text.lines().count() <= 24, "{}\n{text}", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn a_run_that_kept_up_is_not_called_saturated_and_no_plugin_writes_to_the_screen() {
        let mut measured = examples::measured(1);
        measured.saturated = false;
        measured.objectives[0].objective = "\x1b[31m".into();
        let text = plain_text(&measured, 100);
        assert!(!text.contains("saturated") && !text.contains('\x1b'), "{text}");
        assert!(!plain_text(&Measured::default(), 100).contains("NaN"));
    }
}
