//! The sections of a load run: results and figures first, then tables and charts.

use super::{charts, tables};
use crate::{
    load::{Limit, Measured},
    report::page::{
        html::{Html, html},
        parts::{self, Tone, badge, number, percent, short, tile, tiles, time},
    },
};

/// The results in words.
pub(in crate::report::page) fn verdict(measured: &Measured) -> Vec<(Tone, String)> {
    let mut all = Vec::new();
    let missed = measured.objectives.iter().filter(|objective| !objective.met).count() as u64;
    let regressions = measured.baseline.iter().flat_map(|baseline| &baseline.changes);
    let regressions = regressions.filter(|change| change.regression).count() as u64;
    let asked = measured.objectives.len() as u64;
    match missed {
        0 if asked == 0 => {}
        0 if asked == 1 => all.push((Tone::Good, "The objective was met".to_owned())),
        0 => all.push((Tone::Good, format!("All {asked} objectives were met"))),
        _ if asked == 1 => all.push((Tone::Bad, "The objective was missed".to_owned())),
        _ => all.push((Tone::Bad, format!("{missed} of {asked} objectives were missed"))),
    }
    if let Some(baseline) = &measured.baseline {
        all.push(match regressions {
            0 => (Tone::Good, format!("No worse than {}", baseline.file)),
            1 => (Tone::Bad, format!("1 figure is worse than in {}", baseline.file)),
            _ => (Tone::Bad, format!("{regressions} figures are worse than in {}", baseline.file)),
        });
    }
    if measured.saturated {
        all.push((Tone::Warning, "Saturated: sessions came faster than they were served".to_owned()));
    }
    if !measured.growth.is_empty() {
        let what: Vec<_> = measured.growth.iter().map(|growth| growth.what.as_str()).collect();
        all.push((Tone::Warning, format!("Grows with the number of calls: {}", what.join(", "))));
    }
    all
}

/// The figures that the reader should see first.
pub(in crate::report::page) fn summary(measured: &Measured) -> Html {
    let session = &measured.session;
    let unfinished = match measured.unfinished {
        0 => "all that were due".to_owned(),
        count => format!("and {} that did not end", number(count)),
    };
    let calls: u64 = measured.hooks.values().map(|hook| hook.latency.count).sum();
    let mut all = vec![
        tile(
            "Achieved",
            html!(
                "{}{}",
                rate(measured.achieved_rate),
                if measured.saturated { html!(" {}", badge(Tone::Warning, "saturated")) } else { Html::default() }
            ),
            format!("of {} sessions offered; {} calls", rate(measured.offered_rate), rate(measured.call_rate)),
        ),
        tile("Sessions", number(measured.sessions), unfinished),
        tile("Half of them within", time(session.p50_ms), "p50 of a session, think time left out"),
        tile("99 of 100 within", time(session.p99_ms), format!("p99; the longest took {}", time(session.max_ms))),
        tile("Errors", number(measured.errors), format!("of {} calls did not return", number(calls))),
    ];
    if let Some(capacity) = &measured.capacity {
        let (value, more) = match capacity.limit {
            _ if capacity.rate <= 0.0 => ("none".into(), "no rate that was tried met the objectives"),
            Limit::Plugin => (rate(capacity.rate), "sessions per second; the plugin is the limit"),
            Limit::Machine => (rate(capacity.rate), "sessions per second; this machine was the limit"),
            Limit::InFlight => (rate(capacity.rate), "sessions per second; --in-flight was the limit"),
            Limit::None => (rate(capacity.rate), "sessions per second at least; no limit was reached"),
        };
        all.insert(0, tile("Capacity", value, more));
    }
    tiles(all)
}

/// The sections: an id, a title, the content.
pub(in crate::report::page) fn sections(measured: &Measured) -> Vec<(&'static str, &'static str, Html)> {
    let mut all = Vec::new();
    if !measured.objectives.is_empty() {
        all.push(("objectives", "Objectives", tables::objectives(measured)));
    }
    let both = html!("{}{}", charts::hooks(measured), charts::shares(measured));
    let hooks = html!("<div class=\"charts\">\n{}</div>\n{}", both, tables::hooks(measured));
    all.push(("hooks", "How long hooks take", hooks));
    let over_time = match measured.timeline.len() {
        0 => html!("<p class=\"nothing\">The report has no timeline.</p>\n"),
        _ => html!("<div class=\"charts\">\n{}</div>\n", charts::over_time(measured)),
    };
    all.push(("over-time", "Over time", over_time));
    if let Some(capacity) = &measured.capacity {
        let limit = html!("<p>{}</p>\n", capacity.reason.as_str());
        let both = html!("{}{}", charts::capacity(measured, capacity), charts::achieved(capacity));
        let body = html!("{}<div class=\"charts\">\n{}</div>\n{}", limit, both, tables::steps(capacity));
        all.push(("capacity", "Capacity", body));
    }
    if let Some(baseline) = &measured.baseline {
        let body = html!(
            "{}{}{}",
            tables::compared_with(baseline),
            charts::comparison(baseline),
            tables::comparison(baseline)
        );
        all.push(("baseline", "Against the baseline", body));
    }
    if !measured.growth.is_empty() {
        all.push(("growth", "What grows", tables::growth(measured)));
    }
    all.push(("conditions", "How it was measured", conditions(measured)));
    all
}

fn rate(per_second: f64) -> String {
    format!("{}/s", short(per_second))
}

fn conditions(measured: &Measured) -> Html {
    let processors = &measured.processors;
    let mut facts: Vec<(&str, String)> = Vec::new();
    if !measured.arrivals.is_empty() {
        facts.push(("Arrivals", format!("{}, for {}", measured.arrivals, time(measured.duration_seconds * 1e3))));
    }
    if !measured.isolation.is_empty() {
        facts.push(("Calls", format!("{}, at most {} at once", measured.isolation, number(measured.in_flight as u64))));
    }
    if processors.count > 0 {
        let busy = format!(
            "{}, {} busy, {} with the plugin's calls",
            parts_of(processors.count),
            percent(processors.busy),
            percent(processors.plugin)
        );
        facts.push(("Processors", busy));
    }
    if measured.schedule_delay.count > 0 {
        let delay = &measured.schedule_delay;
        facts.push((
            "Delay of the schedule itself",
            format!("p99 {}, at most {}", time(delay.p99_ms), time(delay.max_ms)),
        ));
    }
    let facts = parts::facts(facts);
    html!(
        "{}<p class=\"quiet\">A latency counts from the moment at which a session or call was due, so that a stall shows in all that \
         had to wait for it.</p>\n",
        facts
    )
}

fn parts_of(count: usize) -> String {
    if count == 1 { "1 processor".to_owned() } else { format!("{count} processors") }
}
