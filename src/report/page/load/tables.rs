//! The tables of a load report.

use crate::{
    load::{Capacity, Change, Comparison, Measured},
    report::page::{
        html::{Html, html},
        parts::{Tone, badge, number, numbers, percent, short, table, time, words},
    },
};

pub(super) fn objectives(measured: &Measured) -> Html {
    let columns = [words("objective"), words("result"), numbers("measured"), numbers("missed by")];
    let rows = measured.objectives.iter().map(|objective| {
        let (word, missed) = if objective.met {
            (badge(Tone::Good, "met"), Html::from("–"))
        } else {
            (badge(Tone::Bad, "missed"), Html::from(percent(objective.missed_by)))
        };
        vec![Html::code(&objective.objective), word, Html::from(&objective.measured), missed]
    });
    table("What was asked for", &columns, rows.collect())
}

pub(super) fn hooks(measured: &Measured) -> Html {
    let columns = [
        words("hook"),
        numbers("calls"),
        numbers("errors"),
        numbers("p50"),
        numbers("p90"),
        numbers("p99"),
        numbers("p99.9"),
        numbers("longest"),
        numbers("in plugin p50"),
        numbers("in plugin p99"),
        numbers("waiting p99"),
        numbers("processor"),
        numbers("memory"),
    ];
    let mut rows: Vec<Vec<Html>> = measured
        .hooks
        .iter()
        .map(|(name, hook)| {
            let latency = &hook.latency;
            let errors = match hook.errors {
                0 => Html::from(0_usize),
                count => badge(Tone::Bad, &number(count)),
            };
            let times = [latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.p99_9_ms, latency.max_ms];
            let within = [hook.plugin.p50_ms, hook.plugin.p99_ms, hook.waiting.p99_ms, hook.cpu_ms];
            let mut row = vec![Html::code(name), number(latency.count).into(), errors];
            row.extend(times.into_iter().chain(within).map(|ms| Html::from(time(ms))));
            row.push(format!("{} MB", short(hook.peak_mb)).into());
            row
        })
        .collect();
    let session = &measured.session;
    let times = [session.p50_ms, session.p90_ms, session.p99_ms, session.p99_9_ms, session.max_ms];
    let mut whole = vec![Html::from("whole session"), number(session.count).into(), Html::default()];
    whole.extend(times.map(|ms| Html::from(time(ms))));
    whole.extend(std::iter::repeat_n(Html::default(), 5));
    rows.push(whole);
    table("Latency of calls, from the moment at which each was due", &columns, rows)
}

pub(super) fn steps(capacity: &Capacity) -> Html {
    let columns = [
        numbers("offered"),
        words("objectives"),
        numbers("achieved"),
        numbers("p50"),
        numbers("p99"),
        numbers("errors"),
        numbers("processors busy"),
    ];
    let rows = capacity.steps.iter().map(|step| {
        let mut word = if step.met { badge(Tone::Good, "met") } else { badge(Tone::Bad, "missed") };
        if step.saturated {
            word.push(html!(" {}", badge(Tone::Warning, "saturated")));
        }
        vec![
            format!("{}/s", short(step.rate)).into(),
            word,
            format!("{}/s", short(step.achieved_rate)).into(),
            time(step.p50_ms).into(),
            time(step.p99_ms).into(),
            percent(step.errors).into(),
            percent(step.busy).into(),
        ]
    });
    table("Rates that were tried, in sessions per second", &columns, rows.collect())
}

pub(super) fn comparison(baseline: &Comparison) -> Html {
    let columns = [
        words("of"),
        words("figure"),
        words("result"),
        numbers("before"),
        numbers("now"),
        numbers("change"),
        numbers("by chance"),
    ];
    let rows = baseline.changes.iter().map(|change| {
        let difference = change.after - change.before;
        let word = if change.regression {
            badge(Tone::Bad, "worse")
        } else if difference.abs() > change.noise {
            badge(Tone::Good, "better")
        } else {
            badge(Tone::Quiet, "the same")
        };
        let noise =
            if change.before > 0.0 { format!("± {}", percent(change.noise / change.before)) } else { "–".into() };
        vec![
            Html::code(&change.of),
            figure_name(&change.figure).into(),
            word,
            value(change, change.before).into(),
            value(change, change.after).into(),
            relative(change).map_or_else(|| "–".to_owned(), signed).into(),
            noise.into(),
        ]
    });
    table("Medians of the rounds of both reports", &columns, rows.collect())
}

/// The report that it was compared with, and what makes the two hard to compare.
pub(super) fn compared_with(baseline: &Comparison) -> Html {
    let notes: Html = baseline.notes.iter().map(|note| html!("<p class=\"note\"><b>Note</b> {}</p>\n", note)).collect();
    html!("<p>Compared with {}.</p>\n{}", Html::code(&baseline.file), notes)
}

pub(super) fn growth(measured: &Measured) -> Html {
    let columns = [words("what"), numbers("with each call"), numbers("from"), numbers("to"), numbers("calls")];
    let rows = measured.growth.iter().map(|growth| {
        let shown = |amount: f64| if growth.what == "memory" { bytes(amount) } else { short(amount) };
        vec![
            Html::from(&growth.what),
            shown(growth.per_call).into(),
            shown(growth.from).into(),
            shown(growth.to).into(),
            number(growth.calls).into(),
        ]
    });
    table("What grew with the number of calls", &columns, rows.collect())
}

/// The change relative to the value before; none if that was 0.
pub(super) fn relative(change: &Change) -> Option<f64> {
    (change.before > 0.0).then(|| (change.after - change.before) / change.before)
}

/// `+12.5 %`.
pub(super) fn signed(part: f64) -> String {
    let sign = if part > 0.0 { "+" } else { "" };
    format!("{sign}{}", percent(part))
}

/// The name of a figure as people say it.
pub(super) fn figure_name(figure: &str) -> &str {
    match figure {
        "p50_ms" => "p50",
        "p90_ms" => "p90",
        "p99_ms" => "p99",
        "cpu_ms" => "processor time",
        "peak_mb" => "peak memory",
        "achieved_rate" => "achieved rate",
        other => other,
    }
}

fn value(change: &Change, value: f64) -> String {
    match change.figure.as_str() {
        figure if figure.ends_with("_ms") => time(value),
        figure if figure.ends_with("_mb") => format!("{} MB", short(value)),
        figure if figure.ends_with("_rate") => format!("{}/s", short(value)),
        _ => short(value),
    }
}

fn bytes(amount: f64) -> String {
    match amount.abs() {
        ..1024.0 => format!("{} bytes", short(amount)),
        ..1_048_576.0 => format!("{} KB", short(amount / 1024.0)),
        _ => format!("{} MB", short(amount / 1_048_576.0)),
    }
}
