//! Which lines of the plugin's files ran: a table, then each file line by line, folded away; and how the run
//! progressed.

use super::{
    chart::{Axis, Look, Plot, Role, Scale, Series, TimeUnit},
    html::{Html, html},
    parts::{number, numbers, percent, short, table, words},
};
use crate::report::{FileCoverage, HistoryPoint, Report};

/// The files, if the report has any.
pub(super) fn files(report: &Report) -> Option<Html> {
    let files = &report.coverage.files;
    if files.is_empty() {
        return None;
    }
    let rows = files.iter().map(|file| {
        let (hit, all) = counts(file);
        let part = if all > 0 { hit as f64 / all as f64 } else { 1.0 };
        let bar = html!(
            "<span class=\"bar\" aria-hidden=\"true\"><i style=\"width:{}%\"></i></span>{}",
            format!("{:.1}", part * 100.0),
            percent(part)
        );
        let bar = if all > 0 { bar } else { "no code".into() };
        vec![Html::code(&file.file), number(hit).into(), number(all).into(), bar]
    });
    let columns = [words("file"), numbers("lines that ran"), numbers("of"), words("part")];
    let mut body = Html::default();
    if report.coverage.is_lower_bound() {
        body.push(html!(
            "<p class=\"quiet\">{}</p>\n",
            "Lines were recorded in some of the sessions only: more may have run."
        ));
    }
    body.push(table("Files of the plugin", &columns, rows.collect()));
    body.push(html!(
        "<p class=\"legend-lines\"><span class=\"line hit\">{}</span> <span class=\"line missed\">{}</span></p>\n",
        "ran",
        "did not run"
    ));
    body.push(files.iter().map(listing).collect());
    Some(body)
}

fn counts(file: &FileCoverage) -> (u64, u64) {
    let count = |ranges: &[[u32; 2]]| -> u64 {
        ranges.iter().map(|[first, last]| u64::from(last.saturating_sub(*first)) + 1).sum()
    };
    let hit = count(&file.hit);
    (hit, hit + count(&file.missed))
}

fn listing(file: &FileCoverage) -> Html {
    let (hit, all) = counts(file);
    let Some(source) = &file.source else { return Html::default() };
    let holds = |ranges: &[[u32; 2]], line: u32| ranges.iter().any(|[first, last]| (*first..=*last).contains(&line));
    let lines: Html = source
        .lines()
        .zip(1..)
        .map(|(text, line)| {
            let (class, sign) = match () {
                () if holds(&file.missed, line) => (" missed", "!"),
                () if holds(&file.hit, line) => (" hit", ""),
                () => ("", ""),
            };
            html!(
                "<span class=\"line{}\"><b>{}</b><i>{}</i>{}\n</span>",
                class,
                sign,
                u64::from(line),
                Html::lines(text)
            )
        })
        .collect();
    html!(
        "<details class=\"file\"><summary><code>{}</code> <span class=\"quiet\">{} of {} lines ran</span></summary>\n\
         <pre class=\"listing\" tabindex=\"0\"><code>{}</code></pre></details>\n",
        &file.file,
        number(hit),
        number(all),
        lines
    )
}

/// How the run progressed, if the report says.
pub(super) fn over_time(report: &Report) -> Option<Html> {
    let moments = &report.history;
    let end = moments.last()?.at_seconds;
    let unit = TimeUnit::of(end);
    let axis = unit.axis(unit.from(end));
    let plot = |id, title, note: &str, name, of: fn(&HistoryPoint) -> Option<u64>, role, most: u64| {
        let point = |moment: &HistoryPoint| Some((unit.from(moment.at_seconds), of(moment)? as f64));
        let points = moments.iter().filter_map(point);
        let points: Vec<_> = [(0.0, 0.0)].into_iter().chain(points).collect();
        let mut values: Vec<_> = points.iter().map(|(_, value)| *value).collect();
        values.push(most as f64);
        let y = Axis::over(name, short, Scale::Linear, &values);
        let series = vec![Series { name, role, look: Look::Area, points }];
        Plot { id, title, note: note.to_owned(), x: axis.clone(), y, series, lines: Vec::new() }.to_html()
    };
    let mut all = plot(
        "chart-sessions",
        "Sessions over time",
        "How many had run by then.",
        "sessions",
        |moment| Some(moment.sessions),
        Role::First,
        4,
    );
    let lines = report.coverage.lines;
    if lines > 0 && moments.iter().filter(|moment| moment.lines_hit.is_some()).nth(1).is_some() {
        let note = format!("Of {} that contain code.", number(lines));
        all.push(plot(
            "chart-lines",
            "Lines that ran over time",
            &note,
            "lines",
            |moment| moment.lines_hit,
            Role::Fourth,
            lines,
        ));
    }
    if moments.iter().any(|moment| moment.findings > 0) {
        let note = "How many there were by then.";
        all.push(plot(
            "chart-findings",
            "Findings over time",
            note,
            "findings",
            |moment| Some(moment.findings as u64),
            Role::Second,
            4,
        ));
    }
    Some(html!("<div class=\"charts\">\n{}</div>\n", all))
}
