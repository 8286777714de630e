//! Pages as a reader has them: opened in a browser, wide and narrow, light and dark.

mod browser;
mod program;
mod skip;

use std::{fs, path::PathBuf};

use browser::Browser;
use program::Desk;
use serde_json::Value;

/// Letters with too little contrast for people with weak eyes: for each, what it is and its contrast.
const FAINT: &str = r#"(() => {
  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const own = (node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
  return [...document.querySelectorAll('body *')].filter(own).map((node) => {
    const style = getComputedStyle(node);
    const [a, b] = [light(parse(node.closest('svg') ? style.fill : style.color)), light(ground(node))];
    return [node.outerHTML.slice(0, 80), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  }).filter(([html, contrast]) => contrast < 4.5 && !html.startsWith('<title') && !html.startsWith('<desc'));
})()"#;

/// Words of charts that reach out of their drawing, or are too small to read.
const ILL_SET: &str = r#"[...document.querySelectorAll('figure.chart')].flatMap((figure) => {
  const svg = figure.querySelector('svg[role=img]'), frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter((text) => {
    const box = text.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1
      || 25 * frame.width / 880 < 8.5;
  }).map((text) => figure.id + ': ' + text.textContent.trim());
})"#;

fn samples() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pages");
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn every_page_opens_without_a_complaint_and_fits_a_phone() {
    let Some(mut browser) = Browser::start() else { return };
    let desk = Desk::new();
    for sample in samples() {
        let name = sample.file_stem().unwrap().to_string_lossy().into_owned();
        let report: Value = serde_json::from_slice(&fs::read(&sample).unwrap()).unwrap();
        let ran = desk.run(&["report", sample.to_str().unwrap(), "--format", "html"]);
        let page = desk.write(&format!("{name}.html"), ran.stdout);
        let mut grounds = Vec::new();
        for (width, is_dark) in [(1280, false), (1280, true), (400, false), (400, true)] {
            let opened = browser.open(&page, width, is_dark);
            assert_eq!(opened.complaints, [] as [String; 0], "{name}");
            assert_eq!(opened.requests, [format!("file://{}", page.display())], "{name}");
            browser.ask("document.querySelectorAll('details').forEach((details) => { details.open = true; })");
            let overflow = browser.ask("document.documentElement.scrollWidth - innerWidth").as_i64().unwrap();
            assert!(overflow <= 0, "{name}: {overflow} px too wide for {width}");
            assert_eq!(browser.ask(FAINT), Value::Array(Vec::new()), "{name}, dark: {is_dark}");
            assert_eq!(browser.ask(ILL_SET), Value::Array(Vec::new()), "{name} at {width}");
            grounds.push(browser.ask("getComputedStyle(document.body).backgroundColor"));
        }
        assert!(grounds[0] == grounds[2] && grounds[0] != grounds[1], "{name}: {grounds:?}");

        let findings = report["findings"].as_array().unwrap();
        let new = findings
            .iter()
            .filter(|one| one["known"] != true)
            .map(|one| one["message"].as_str().unwrap().replace('`', ""));
        let shown = browser.ask("[...document.querySelectorAll('.finding .message')].map((one) => one.textContent)");
        let shown: Vec<_> = shown.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        for message in new {
            assert!(shown.contains(&message.as_str()), "{name}: {message} is not in {shown:?}");
        }
    }
}

#[test]
fn charts_of_a_load_report_are_there_with_their_names_and_marks() {
    let Some(mut browser) = Browser::start() else { return };
    let desk = Desk::new();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pages/load.json");
    let page = desk.write("load.html", desk.run(&["report", sample, "--format", "html"]).stdout);
    browser.open(&page, 1280, false);
    let charts = browser.ask(
        "[...document.querySelectorAll('svg[role=img]')].filter((svg) => svg.getBoundingClientRect().height > 100 \
         && svg.querySelectorAll('polyline, circle').length > 2).map((svg) => svg.querySelector('title').textContent)",
    );
    let names = [
        "Latency by hook",
        "Where the time goes",
        "Latency of sessions over time",
        "Rate offered and achieved",
        "Sessions in flight and waiting",
        "Calls that did not return",
        "Latency by offered rate",
        "Rate achieved by rate offered",
        "Change since the baseline",
    ];
    assert_eq!(charts, Value::from(names.to_vec()));
    // Colours come from the page's style, so that they follow its theme.
    let colour = "getComputedStyle(document.querySelector('#chart-latency polyline.l1')).stroke";
    let light = browser.ask(colour);
    browser.open(&page, 1280, true);
    let dark = browser.ask(colour);
    assert!(light != dark && light != "none" && light != "rgb(1, 0, 1)", "{light} {dark}");
}

#[test]
fn the_browser_reports_what_a_page_does_wrong() {
    let Some(mut browser) = Browser::start() else { return };
    let desk = Desk::new();
    let page = "<body style='background: white'><p style='width: 900px; color: #ddd'>wide and faint</p>\
                <img src='http://127.0.0.1:9/x.png'><script>console.error('bad')</script>";
    let page = desk.write("bad.html", page);
    let opened = browser.open(&page, 400, false);
    assert!(opened.complaints.iter().any(|complaint| complaint.contains("bad")), "{opened:?}");
    assert!(opened.requests.contains(&"http://127.0.0.1:9/x.png".to_owned()), "{opened:?}");
    assert!(browser.ask("document.documentElement.scrollWidth - innerWidth").as_i64().unwrap() > 0);
    assert_eq!(browser.ask(FAINT).as_array().unwrap().len(), 1);

    // The same under the policy of a page of ours: nothing is fetched, nothing runs.
    let ours = desk.run(&["report", samples()[0].to_str().unwrap(), "--format", "html"]).stdout;
    let ours =
        ours.replace("<main>", "<main><img src='http://127.0.0.1:9/x.png'><script>document.title = 'ran'</script>");
    let ours = desk.write("ours.html", ours);
    let opened = browser.open(&ours, 400, false);
    assert_eq!(opened.complaints.len(), 2, "{opened:?}");
    assert_ne!(browser.ask("document.title"), "ran");
}

#[test]
fn a_run_becomes_a_page_that_lists_what_it_found() {
    let Some(mut browser) = Browser::start() else { return };
    let desk = Desk::new();
    let plugin = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/faulty-store");
    let json = desk.run(&["test", plugin, "--seed", "1", "--runs", "300", "--format", "json"]);
    let report = desk.write("report.json", &json.stdout);
    let turned = desk.run(&["report", report.to_str().unwrap(), "--format", "html"]);
    let page = desk.write("report.html", &turned.stdout);
    let opened = browser.open(&page, 1280, false);
    assert_eq!(opened.complaints, [] as [String; 0]);
    let findings = json.json()["findings"].as_array().unwrap().len();
    assert!(findings > 0, "{json:?}");
    assert_eq!(browser.ask("document.querySelectorAll('article.finding').length"), findings);
    assert_eq!(browser.ask("document.querySelectorAll('article.finding pre.command').length"), findings);
    // The command itself writes a page, and fails as it would with any other form.
    let direct = desk.run(&["test", plugin, "--seed", "1", "--runs", "300", "--format", "html"]);
    assert_eq!(direct.status, Some(1), "{direct:?}");
    assert!(direct.stdout.starts_with("<!doctype html>") && direct.stdout.ends_with("</html>\n"));
}
