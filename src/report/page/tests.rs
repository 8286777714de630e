//! The page as a whole: whatever a report contains, the page is well-formed, shows it, and fetches nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::text;
use crate::report::Report;

const SAMPLES: [(&str, &str); 7] = [
    ("test", include_str!("../../../tests/pages/test.json")),
    ("empty", include_str!("../../../tests/pages/empty.json")),
    ("replay", include_str!("../../../tests/pages/replay.json")),
    ("minimize", include_str!("../../../tests/pages/minimize.json")),
    ("run", include_str!("../../../tests/pages/run.json")),
    ("load", include_str!("../../../tests/pages/load.json")),
    ("load-saturated", include_str!("../../../tests/pages/load-saturated.json")),
];

fn sample(name: &str) -> &'static str {
    SAMPLES.iter().find(|(known, _)| *known == name).expect("there is such a sample").1
}

fn page(json: &str) -> String {
    text(&Report::parse(json).unwrap())
}

/// What stands between a quote before which `before` stands and the next one.
fn attributes<'a>(page: &'a str, before: &str) -> Vec<&'a str> {
    page.split(&format!("{before}\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// Asserts that each element is closed where it was opened.
fn assert_is_whole(name: &str, page: &str) {
    let mut open = Vec::new();
    let (before, after) = page.split_once("<style>").expect("the page has a style");
    let after = after.split_once("</style>").expect("which ends").1;
    for rest in [before, after].concat().split('<').skip(1) {
        let tag = rest.split('>').next().unwrap();
        let word = tag.split([' ', '\n']).next().unwrap();
        match word.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed.to_owned()), "{name}: {rest}"),
            None if tag.ends_with('/') || ["!doctype", "meta", "link"].contains(&word) => {}
            None => open.push(word.to_owned()),
        }
    }
    assert!(open.is_empty(), "{name}: {open:?}");
}

#[test]
fn a_page_loads_nothing() {
    for (name, json) in SAMPLES {
        let page = page(json);
        // A browser obeys tags and the style, not words of prose.
        let tags = page.split('<').filter_map(|rest| rest.split('>').next());
        let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next());
        for obeyed in style.into_iter().chain(tags) {
            for word in ["://", " src=", "url(", "@import", "javascript"] {
                assert!(!obeyed.contains(word), "{name}: `{word}` in {obeyed}");
            }
            let names = obeyed.split('"').step_by(2);
            assert!(names.filter(|names| names.contains(" on")).count() == 0, "{name}: {obeyed}");
        }
        for element in ["<script", "<iframe", "<form", "<img", "<object", "<base"] {
            assert!(!page.contains(element), "{name}: {element}");
        }
        assert!(
            page.contains("content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; img-src data:"),
            "{name}"
        );
        let links: Vec<_> = attributes(&page, "href=").into_iter().filter(|link| !link.starts_with('#')).collect();
        assert_eq!(links.len(), 1, "{name}: the icon alone");
        assert!(links[0].starts_with("data:image/svg+xml;base64,"), "{name}");
    }
}

#[test]
fn every_link_and_every_name_has_its_place_and_no_place_two() {
    for (name, json) in SAMPLES {
        let page = page(json);
        assert_is_whole(name, &page);
        let ids = attributes(&page, " id=");
        let known: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(ids.len(), known.len(), "{name}: {ids:?}");
        let links = attributes(&page, "href=").into_iter().filter_map(|link| link.strip_prefix('#'));
        let names = attributes(&page, "aria-labelledby=").into_iter().flat_map(|names| names.split(' '));
        for target in links.chain(names) {
            assert!(known.contains(target), "{name}: nothing is `{target}`");
        }
    }
}

#[test]
fn nothing_that_a_report_says_becomes_part_of_the_page() {
    fn poison(value: &mut Value) {
        match value {
            Value::String(text) => {
                *text = "</code></pre></style></svg><img src=x onerror=alert(1)>\"'&amp;\u{202e}\n`".to_owned();
            }
            Value::Array(items) => items.iter_mut().for_each(poison),
            Value::Object(entries) => {
                let read = ["status", "severity", "outcome", "limit", "ending", "what", "figure"];
                let harmless = |name: &str, value: &Value| read.contains(&name) && value.is_string();
                let names: Vec<_> = entries
                    .iter()
                    .filter(|(name, value)| !harmless(name, value))
                    .map(|(name, _)| name.clone())
                    .collect();
                names.iter().for_each(|name| poison(&mut entries[name.as_str()]));
            }
            _ => {}
        }
    }
    for (name, json) in SAMPLES {
        let mut report: Value = serde_json::from_str(json).unwrap();
        poison(&mut report);
        let page = page(&report.to_string());
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;amp;\\u202e"), "{name}");
        assert!(!page.contains("<img") && !page.contains('\u{202e}'), "{name}");
        assert_is_whole(name, &page);
    }
}

#[test]
fn any_figures_make_a_page() {
    fn replace(value: &mut Value, number: f64) {
        match value {
            Value::Number(known) if known.is_f64() => *value = number.into(),
            Value::Array(items) => items.iter_mut().for_each(|item| replace(item, number)),
            Value::Object(entries) => entries.values_mut().for_each(|value| replace(value, number)),
            _ => {}
        }
    }
    for (name, json) in SAMPLES {
        for number in [0.0, -3.5, 1e-300, 1e300, -f64::MAX] {
            let mut report: Value = serde_json::from_str(json).unwrap();
            replace(&mut report, number);
            let page = page(&report.to_string());
            assert_is_whole(name, &page);
            // Of other reports the rules' own prose may speak of such numbers.
            let is_odd = name.starts_with("load") && (page.contains("NaN") || page.contains(">inf"));
            assert!(!is_odd, "{name}, {number}");
        }
    }
}

#[test]
fn a_finding_is_shown_with_all_that_is_known_of_it() {
    let page = page(sample("test"));
    for part in [
        "6 findings: 5 errors, 1 warning",
        "1 known finding in the baseline",
        "206 of 1,000 sessions",
        "<h4 class=\"message\">ValueError: too many values to unpack (expected 2)</h4>",
        "<code>lib/naming.py:6</code> in <code>secret_path</code>",
        "<span class=\"line marked\"><b>▸</b><i>6</i>    host, port = address.split(&quot;:&quot;)",
        "<b>What to do</b> split at the last colon, <code>rsplit(&quot;:&quot;, 1)</code>",
        "<th scope=\"row\"><code>server_port</code></th><td><code class=\"value\">22</code></td>",
        "It raised after 1.84 ms",
        "<code>hookstorm run examples/faulty-store --case corpora/FaultyStore/9716fdecf7cf.json</code></pre>",
        "fingerprint <code>9716fdecf7cf</code>",
        "Printed to standard error",
        "every nominal session",
        "needs a cookie that the plugin never returned",
        "Why it matters, and how to fix it",
        "given up: <code>--timeout</code> 5s",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Errors stand before warnings, and what is known stands apart.
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("id=\"rule-not-json\"") < at("id=\"rule-return-key-unknown\""));
    assert!(at("id=\"rule-return-key-unknown\"") < at("<section id=\"known\">"));
    assert_eq!(page.matches("<article").count(), 6);
    assert!(page[at("<section id=\"known\">")..].contains("<code>dd00bb11cc22</code>"));
}

#[test]
fn coverage_is_shown_line_by_line_and_over_time() {
    let page = page(sample("test"));
    let listing = page.split("<details class=\"file\">").skip(1).find(|part| part.contains("lib/naming.py")).unwrap();
    assert!(listing.contains("<span class=\"line missed\"><b>!</b><i>8</i>        return"), "{listing}");
    assert!(listing.contains("<span class=\"line hit\"><b></b><i>7</i>    if port"), "{listing}");
    assert!(listing.contains("<span class=\"line\"><b></b><i>2</i>"), "{listing}");
    let titles = ["Sessions over time", "Lines that ran over time", "Findings over time"];
    assert!(titles.iter().all(|title| page.contains(&format!("\">{title}</title>"))));
}

#[test]
fn silence_is_said() {
    let page = page(sample("empty"));
    assert!(page.contains("<p class=\"verdict good\"><span class=\"sign good\" aria-hidden=\"true\">✓</span> Nothing found in 1000 sessions</p>"), "{page}");
    assert!(!page.contains("<article") && !page.contains("<section id=\"findings\""));
}

#[test]
fn cases_and_calls_are_shown() {
    let replayed = page(sample("replay"));
    for part in ["still there", "another finding", "fixed", "cannot be run", "it is for a hook that is not there"] {
        assert!(replayed.contains(part), "{part}");
    }
    assert!(replayed.contains("<dt>Cases that fail</dt><dd>3<small>of 4</small>"), "{replayed}");
    let minimized = page(sample("minimize"));
    assert!(minimized.contains("3 calls, 40 arguments</td><td>1 calls, 2 arguments</td>"), "{minimized}");
    assert!(minimized.contains("removed: it shows nothing any more"), "{minimized}");
    let run = page(sample("run"));
    assert!(
        run.contains("<h3>1. <code>authenticate</code></h3>") && run.contains("It ran out of time after 5 s"),
        "{run}"
    );
}

#[test]
fn a_load_report_shows_what_was_asked_what_was_measured_and_how_it_compares() {
    let page = page(sample("load"));
    for part in [
        "1 of 3 objectives were missed",
        "2 figures are worse than in yesterday.json",
        "Grows with the number of calls: memory",
        "<dt>Capacity</dt><dd>104/s",
        "<code>errors=0.01%</code></th><td><span class=\"badge bad\"><span aria-hidden=\"true\">✕</span> missed</span></td><td class=\"n\">0.0125%</td><td class=\"n\">25 %</td>",
        "the earlier report was made with 8 processors, this one with 4",
        "<td class=\"n\">131 ms</td><td class=\"n\">+36.5 %</td><td class=\"n\">± 12.5 %</td>",
        "<th scope=\"row\">memory</th><td class=\"n\">812 bytes</td><td class=\"n\">41.2 MB</td>",
        "4 processors, 46 % busy, 39 % with the plugin&#39;s calls",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for title in [
        "Latency by hook",
        "Where the time goes",
        "Latency of sessions over time",
        "Rate offered and achieved",
        "Sessions in flight and waiting",
        "Calls that did not return",
        "Latency by offered rate",
        "Rate achieved by rate offered",
        "Change since the baseline",
    ] {
        assert!(page.contains(&format!("\">{title}</title>")), "{title}");
    }
    // A step that met the objectives has another shape than one that did not.
    let chart = page.split("id=\"chart-capacity\"").nth(1).unwrap().split("</figure>").next().unwrap();
    let drawing = chart.split("<ul").next().unwrap();
    assert_eq!(drawing.matches("<circle").count(), 6, "{drawing}");
    assert_eq!(drawing.matches("<polyline fill=\"none\" class=\"ln\"").count(), 8, "{drawing}");
    // The colours that are drawn with are none of a page.
    assert!(!page.contains("#0100"), "{page}");
    assert!(page.len() < 200_000, "{}", page.len());
}

#[test]
fn a_run_that_could_not_keep_up_says_so() {
    let page = page(sample("load-saturated"));
    assert!(page.contains("Saturated: sessions came faster than they were served"));
    assert!(page.contains("and 480 that did not end"));
    assert!(page.contains("The report has no timeline."));
}
