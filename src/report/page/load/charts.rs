//! The charts of a load report.

use super::tables::{figure_name, relative, signed};
use crate::{
    load::{Capacity, Comparison, Measured, Percentiles, Slice},
    report::page::{
        chart::{Axis, Key, Line, Look, Mark, Plot, Role, Row, Rows, Scale, Series, TimeUnit},
        html::Html,
        parts::{short, time},
    },
};

/// How many figures of a comparison are drawn; the table has all.
const CHANGES_LIMIT: usize = 16;

/// Percentiles side by side.
pub(super) fn hooks(measured: &Measured) -> Html {
    let mut all: Vec<(&str, &Percentiles)> =
        measured.hooks.iter().map(|(name, hook)| (name.as_str(), &hook.latency)).collect();
    all.push(("whole session", &measured.session));
    all.retain(|(_, latency)| latency.count > 0);
    let values: Vec<_> = all.iter().flat_map(|(_, latency)| [latency.p50_ms, latency.max_ms]).collect();
    let marks = |latency: &Percentiles| {
        vec![
            (latency.max_ms, Mark::Bar, Role::First),
            (latency.p99_9_ms, Mark::Ring, Role::First),
            (latency.p99_ms, Mark::Disc, Role::Second),
            (latency.p90_ms, Mark::Square, Role::First),
            (latency.p50_ms, Mark::Diamond, Role::First),
        ]
    };
    let names = ["longest", "p99.9", "p99", "p90", "p50"];
    let keys = marks(&Percentiles::default()).into_iter().zip(names).rev();
    let rows = all.into_iter().map(|(name, latency)| Row {
        name: name.to_owned(),
        span: Some((latency.p50_ms, latency.max_ms)),
        band: None,
        marks: marks(latency),
    });
    Rows {
        id: "chart-hooks",
        title: "Latency by hook",
        note: "From the moment at which a call was due; each step of the axis is a multiple of the one before."
            .to_owned(),
        axis: Axis::over("latency", time, Scale::Log, &values),
        rows: rows.collect(),
        keys: keys.map(|((_, mark, role), name)| Key { name: name.to_owned(), role, mark: Some(mark) }).collect(),
        through: None,
    }
    .to_html()
}

/// Where the time goes: in the plugin, or waiting for a worker.
pub(super) fn shares(measured: &Measured) -> Html {
    let hooks = || measured.hooks.iter().filter(|(_, hook)| hook.plugin.count > 0);
    let values: Vec<_> = hooks().flat_map(|(_, hook)| [hook.plugin.p99_ms, hook.waiting.p99_ms]).collect();
    let rows = hooks().map(|(name, hook)| Row {
        name: name.clone(),
        span: None,
        band: None,
        marks: vec![(hook.waiting.p99_ms, Mark::Ring, Role::Second), (hook.plugin.p99_ms, Mark::Disc, Role::First)],
    });
    let keys = [("in the plugin", Role::First, Mark::Disc), ("waiting for a worker", Role::Second, Mark::Ring)];
    Rows {
        id: "chart-shares",
        title: "Where the time goes",
        note: "p99 of the time in the plugin, and of the time before a worker was free.".to_owned(),
        axis: Axis::over("time", time, Scale::for_spread(&values), &values),
        rows: rows.collect(),
        keys: keys.map(|(name, role, mark)| Key { name: name.to_owned(), role, mark: Some(mark) }).into(),
        through: None,
    }
    .to_html()
}

/// Latency, rates and queue over time.
pub(super) fn over_time(measured: &Measured) -> Html {
    let slices = &measured.timeline;
    let end = slices.last().map_or(0.0, |slice| slice.at_seconds + slice.seconds);
    let unit = TimeUnit::of(end);
    let axis = unit.axis(unit.from(end));
    // A slice is drawn at its middle.
    let series = |name, role, look, of: fn(&Slice) -> f64| Series {
        name,
        role,
        look,
        points: slices.iter().map(|slice| (unit.from(slice.at_seconds + slice.seconds / 2.0), of(slice))).collect(),
    };
    // A slice in which no session ended has no latency, rather than one of zero.
    let latency = |name, role, of| {
        let mut all = series(name, role, Look::Line, of);
        all.points.retain(|(_, ms)| *ms > 0.0);
        all
    };
    let plot = |id, title, note: &str, y_name, show, series: Vec<Series>| {
        let mut values: Vec<_> = series.iter().flat_map(|series| series.points.iter().map(|(_, y)| *y)).collect();
        let scale = if id == "chart-latency" { Scale::for_spread(&values) } else { Scale::Linear };
        if scale == Scale::Linear {
            // A count of one or two would have no ticks.
            values.push(4.0);
        }
        let y = Axis::over(y_name, show, scale, &values);
        Plot { id, title, note: note.to_owned(), x: axis.clone(), y, series, lines: Vec::new() }.to_html()
    };
    let mut all = plot(
        "chart-latency",
        "Latency of sessions over time",
        "Of sessions that ended then.",
        "latency",
        time,
        vec![
            latency("longest", Role::Third, |slice| slice.max_ms),
            latency("p99", Role::Second, |slice| slice.p99_ms),
            latency("p50", Role::First, |slice| slice.p50_ms),
        ],
    );
    all.push(plot(
        "chart-rates",
        "Rate offered and achieved",
        "They part where sessions come faster than they are served.",
        "sessions per second",
        short,
        vec![
            series("offered", Role::Second, Look::Line, |slice| slice.offered_rate),
            series("achieved", Role::First, Look::Line, |slice| slice.achieved_rate),
        ],
    ));
    all.push(plot(
        "chart-queue",
        "Sessions in flight and waiting",
        "At the end of each slice.",
        "sessions",
        short,
        vec![
            series("waiting", Role::Second, Look::Area, |slice| slice.waiting as f64),
            series("in flight", Role::First, Look::Line, |slice| slice.in_flight as f64),
        ],
    ));
    if slices.iter().any(|slice| slice.errors > 0) {
        let errors = series("errors", Role::Bad, Look::Area, |slice| slice.errors as f64);
        all.push(plot("chart-errors", "Calls that did not return", "In each slice.", "calls", short, vec![errors]));
    }
    all
}

/// p99 by rate.
pub(super) fn capacity(measured: &Measured, capacity: &Capacity) -> Html {
    let mut steps = capacity.steps.clone();
    steps.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let points =
        |is_met: bool| steps.iter().filter(|step| step.met == is_met).map(|step| (step.rate, step.p99_ms)).collect();
    let asked = measured.objectives.iter().find_map(|objective| asked_ms(&objective.objective));
    let mut values: Vec<_> = steps.iter().flat_map(|step| [step.p50_ms, step.p99_ms]).collect();
    values.extend(asked);
    let rates: Vec<_> = steps.iter().map(|step| step.rate).collect();
    let mut lines = Vec::new();
    lines.extend(asked.map(|ms| Line::Level(ms, format!("asked for: {}", time(ms)))));
    if capacity.rate > 0.0 {
        lines.push(Line::Upright(capacity.rate, format!("capacity: {}/s", short(capacity.rate))));
    }
    Plot {
        id: "chart-capacity",
        title: "Latency by offered rate",
        note: "What a session takes when so many come.".to_owned(),
        x: Axis::over("sessions per second that were due", short, Scale::Linear, &rates),
        y: Axis::over("latency", time, Scale::for_spread(&values), &values),
        series: vec![
            Series {
                name: "p99",
                role: Role::First,
                look: Look::Line,
                points: steps.iter().map(|step| (step.rate, step.p99_ms)).collect(),
            },
            Series {
                name: "p50",
                role: Role::Third,
                look: Look::Line,
                points: steps.iter().map(|step| (step.rate, step.p50_ms)).collect(),
            },
            Series {
                name: "p99, objectives met",
                role: Role::Good,
                look: Look::Marks(Mark::Disc),
                points: points(true),
            },
            Series {
                name: "p99, objectives missed",
                role: Role::Bad,
                look: Look::Marks(Mark::Cross),
                points: points(false),
            },
        ],
        lines,
    }
    .to_html()
}

/// Achieved rate by offered rate.
pub(super) fn achieved(capacity: &Capacity) -> Html {
    let mut steps = capacity.steps.clone();
    steps.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let rates: Vec<_> = steps.iter().map(|step| step.rate).collect();
    let achieved: Vec<_> = steps.iter().map(|step| (step.rate, step.achieved_rate)).collect();
    let line = |name, role, look, points| Series { name, role, look, points };
    Plot {
        id: "chart-achieved",
        title: "Rate achieved by rate offered",
        note: "Where the two part, sessions come faster than they are served.".to_owned(),
        x: Axis::over("sessions per second that were due", short, Scale::Linear, &rates),
        y: Axis::over("sessions per second", short, Scale::Linear, &rates),
        series: vec![
            line("offered", Role::Second, Look::Line, rates.iter().map(|rate| (*rate, *rate)).collect()),
            line("achieved", Role::First, Look::Line, achieved.clone()),
            line("a rate that was tried", Role::First, Look::Marks(Mark::Disc), achieved),
        ],
        lines: Vec::new(),
    }
    .to_html()
}

/// How much each figure changed, beside how much it may change by chance.
pub(super) fn comparison(baseline: &Comparison) -> Html {
    let moved = baseline.changes.iter().filter_map(|change| Some((change, relative(change)?)));
    let moved: Vec<_> = moved.take(CHANGES_LIMIT).collect();
    let mut values = vec![-0.1, 0.1];
    let rows = moved.iter().map(|(change, part)| {
        let noise = change.noise / change.before;
        values.extend([*part, noise.min(2.0), -noise.min(2.0)]);
        let (mark, role) = if change.regression {
            (Mark::Cross, Role::Bad)
        } else if part.abs() > noise {
            (Mark::Diamond, Role::Good)
        } else {
            (Mark::Disc, Role::First)
        };
        Row {
            name: format!("{}, {}: {}", change.of, figure_name(&change.figure), signed(*part)),
            span: None,
            band: Some((-noise, noise)),
            marks: vec![(*part, mark, role)],
        }
    });
    let rows: Vec<_> = rows.collect();
    let keys = [
        ("worse", Role::Bad, Mark::Cross),
        ("the same", Role::First, Mark::Disc),
        ("better", Role::Good, Mark::Diamond),
    ];
    let more = baseline.changes.len() - rows.len();
    let note = "The grey band is what chance alone does.";
    Rows {
        id: "chart-baseline",
        title: "Change since the baseline",
        note: if more > 0 { format!("{note} The table has {more} more.") } else { note.to_owned() },
        axis: Axis::over("change", signed, Scale::Linear, &values),
        rows,
        keys: keys.map(|(name, role, mark)| Key { name: name.to_owned(), role, mark: Some(mark) }).into(),
        through: Some(0.0),
    }
    .to_html()
}

/// The latency at p99 that an objective asks for: `p99=500ms`, `p99=1.5s`.
fn asked_ms(objective: &str) -> Option<f64> {
    let asked = objective.strip_prefix("p99=")?;
    let (digits, factor) = match asked.strip_suffix("ms") {
        Some(digits) => (digits, 1.0),
        None => (asked.strip_suffix('s')?, 1e3),
    };
    Some(digits.trim().parse::<f64>().ok()? * factor)
}
