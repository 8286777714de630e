//! `hookstorm load` on plugins with known behaviour. The tests allow wide bounds for figures that depend on how busy
//! the machine is, and exact values for everything else.

mod program;

use std::fs;

use program::{Desk, Ran, folder};
use serde_json::Value;

fn load(desk: &Desk, plugin: &str, options: &[&str]) -> Ran {
    let plugin = folder("tests/load").join(plugin);
    let mut arguments = vec!["load", plugin.to_str().unwrap(), "--format", "json", "--seed", "1"];
    arguments.extend(options);
    desk.run(&arguments)
}

fn measured(ran: &Ran) -> Value {
    ran.json()["load"].clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number: {value}"))
}

#[test]
fn a_plugin_that_sleeps_50_ms_is_measured_with_50_ms() {
    let ran = load(&Desk::new(), "sleeps", &["--rate", "20/s", "--duration", "4s", "--arrivals", "constant"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let load = measured(&ran);
    let hook = &load["hooks"]["get_password_list"];
    let (plugin, latency) = (number(&hook["plugin"]["p50_ms"]), number(&hook["p50_ms"]));
    assert!((50.0..60.0).contains(&plugin), "{hook}");
    assert!(latency >= plugin && latency < 100.0, "{hook}");
    // The other hooks take no time of their own.
    assert!(number(&load["hooks"]["session_ended"]["plugin"]["p50_ms"]) < 10.0, "{load}");
    assert!(number(&load["session"]["p50_ms"]) >= latency, "{load}");
    assert_eq!((&load["sessions"], &load["errors"], &load["saturated"]), (&80.into(), &0.into(), &false.into()));
    assert_eq!(hook["count"], 80);
    assert!(number(&hook["cpu_ms"]) < 40.0 && number(&hook["peak_mb"]) > 3.0, "{hook}");
}

#[test]
fn a_stall_shows_in_every_session_that_was_due_while_it_lasted() {
    let options =
        ["--rate", "25/s", "--duration", "8s", "--arrivals", "constant", "--in-flight", "4", "--timeout", "10s"];
    let ran = load(&Desk::new(), "stalls", &options);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let load = measured(&ran);
    // 200 sessions, of which 50 were due in the 2 s: a quarter. Those that came late in it waited for a short time
    // only.
    let session = &load["session"];
    assert_eq!(session["count"], 200);
    for percentile in ["p99_ms", "p99_9_ms", "max_ms"] {
        assert!(number(&session[percentile]) > 1700.0, "{percentile}: {session}");
    }
    assert!(number(&session["p90_ms"]) > 900.0, "{session}");
    assert!(number(&session["p50_ms"]) < 500.0, "{session}");
    assert_eq!(load["saturated"], false, "{load}");
    // With four load workers nearly all of them waited for a worker, and the plugin's own time does not show that.
    let hook = &load["hooks"]["get_password_list"];
    assert!(number(&hook["waiting"]["p90_ms"]) > 700.0 && number(&hook["plugin"]["p90_ms"]) < 700.0, "{hook}");
}

#[test]
fn a_plugin_that_slows_down_with_each_call_and_leaves_files_is_reported_with_both() {
    let ran = load(&Desk::new(), "slows", &["--rate", "25/s", "--duration", "6s", "--arrivals", "constant"]);
    let load = measured(&ran);
    let slices: Vec<f64> = load["timeline"].as_array().unwrap().iter().map(|slice| number(&slice["p50_ms"])).collect();
    let slices: Vec<f64> = slices.into_iter().filter(|&p50| p50 > 0.0).collect();
    let third = slices.len() / 3;
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!(mean(&slices[..third]) + 50.0 < mean(&slices[slices.len() - third..]), "{slices:?}");
    let files = load["growth"].as_array().unwrap().iter().find(|grown| grown["what"] == "files").cloned();
    let files = files.unwrap_or_else(|| panic!("files grow: {load}"));
    // One for each session of several calls.
    assert!((0.1..0.6).contains(&number(&files["per_call"])), "{files}");
}

#[test]
fn a_rate_of_twice_the_capacity_is_reported_as_saturated() {
    // It holds a lock for 20 ms: less than 50 a second on any machine.
    let options = ["--rate", "100/s", "--duration", "4s", "--in-flight", "4", "--timeout", "20s"];
    let ran = load(&Desk::new(), "one-by-one", &options);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let load = measured(&ran);
    assert_eq!(load["saturated"], true, "{load}");
    let achieved = number(&load["achieved_rate"]);
    assert!((20.0..50.1).contains(&achieved), "{achieved}");
    // The last session waited for all before it: at least for half of what was offered in excess.
    assert!(number(&load["session"]["max_ms"]) > 2500.0, "{load}");
    assert!(number(&load["hooks"]["get_password_list"]["waiting"]["max_ms"]) > 2000.0, "{load}");
    let desk = Desk::new();
    desk.write("run.json", &ran.stdout);
    let text = desk.run(&["report", "run.json"]);
    assert!(text.stdout.contains("saturated"), "{text:?}");
}

#[test]
fn a_missed_objective_fails_the_run_and_says_by_how_much() {
    let options = ["--rate", "10/s", "--duration", "2s", "--objective", "p50=20ms", "--objective", "errors=0%"];
    let ran = load(&Desk::new(), "sleeps", &options);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let objectives = measured(&ran)["objectives"].clone();
    assert_eq!((&objectives[0]["met"], &objectives[1]["met"]), (&false.into(), &true.into()));
    assert!(number(&objectives[0]["missed_by"]) > 1.5, "{objectives}");
    assert_eq!(ran.json()["status"], "findings");
}

#[test]
fn a_call_that_raises_is_an_error_and_a_finding_if_it_also_raises_alone() {
    let desk = Desk::new();
    let ran = load(&desk, "fails", &["--rate", "20/s", "--duration", "2s", "--arrivals", "constant"]);
    let load = measured(&ran);
    assert_eq!((&load["sessions"], &load["errors"]), (&40.into(), &8.into()), "{ran:?}");
    // Alone, with empty folders, it does not fail: it is no finding.
    assert!(ran.rules().is_empty(), "{ran:?}");
    let ran = desk.run(&[
        "load",
        folder("examples/faulty-store").to_str().unwrap(),
        "--sessions",
        "40",
        "--rate",
        "40/s",
        "--generated",
        "--format",
        "json",
        "--seed",
        "1",
    ]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.rules().contains(&"uncaught-exception".to_owned()), "{ran:?}");
    assert!(desk.path("corpora/FaultyStore").is_dir());
}

#[test]
fn think_time_is_no_part_of_a_latency_and_occupies_no_worker() {
    let options = ["--sessions", "20", "--rate", "20/s", "--in-flight", "2", "--think-time", "300ms"];
    let ran = load(&Desk::new(), "sleeps", &options);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let load = measured(&ran);
    // A session thinks at least twice, and 20 sessions on two workers would take 6 s if think time occupied them.
    assert_eq!(load["session"]["count"], 20);
    assert!(number(&load["session"]["p50_ms"]) < 300.0, "{load}");
    assert!(ran.json()["elapsed_seconds"].as_f64().unwrap() < 6.0, "{ran:?}");
}

#[test]
fn memory_that_grows_in_one_process_is_reported_with_its_growth() {
    let options = ["--persistent", "--rate", "200/s", "--duration", "4s", "--in-flight", "1", "--memory", "64GB"];
    let ran = load(&Desk::new(), "keeps", &options);
    let growth = measured(&ran)["growth"].clone();
    let what: Vec<&str> = growth.as_array().unwrap().iter().map(|grown| grown["what"].as_str().unwrap()).collect();
    for expected in ["memory", "descriptors", "threads"] {
        assert!(what.contains(&expected), "{growth}");
    }
    // And a plugin that keeps nothing is silent.
    let clean =
        load(&Desk::new(), "sleeps", &["--persistent", "--rate", "15/s", "--duration", "3s", "--in-flight", "1"]);
    assert_eq!(measured(&clean)["growth"], Value::Array(Vec::new()), "{clean:?}");
}

#[test]
fn the_capacity_of_a_plugin_that_serves_one_at_a_time_is_found_with_its_reason() {
    let options =
        ["--capacity", "--duration", "2s", "--in-flight", "8", "--objective", "p90=400ms", "--arrivals", "constant"];
    let ran = load(&Desk::new(), "one-by-one", &options);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let capacity = measured(&ran)["capacity"].clone();
    let rate = number(&capacity["rate"]);
    assert!((15.0..52.0).contains(&rate), "{capacity}");
    let steps = capacity["steps"].as_array().unwrap();
    assert!(
        steps.iter().any(|step| step["met"] == true) && steps.iter().any(|step| step["met"] == false),
        "{capacity}"
    );
    assert!(capacity["reason"].as_str().unwrap().starts_with("at "), "{capacity}");
    assert!(steps.iter().all(|step| (step["met"] == true) == (number(&step["rate"]) <= rate)), "{capacity}");
}

#[test]
fn a_slower_plugin_fails_against_its_baseline_and_an_unchanged_one_does_not() {
    let desk = Desk::new();
    let options = ["--rate", "20/s", "--duration", "4s"];
    let before = load(&desk, "sleeps", &options);
    fs::write(desk.path("before.json"), &before.stdout).unwrap();
    let options = [&options[..], &["--baseline", "before.json"]].concat();
    let unchanged = load(&desk, "sleeps", &options);
    assert_eq!(unchanged.status, Some(0), "{unchanged:?}");
    // The same plugin after a change that made it slower.
    let name = |file: &str| folder("tests/load/sleeps").join(file);
    desk.write("slowed/MANIFEST", fs::read(name("MANIFEST")).unwrap());
    let code = fs::read_to_string(name("main.py")).unwrap();
    desk.write("slowed/main.py", code.replace("time.sleep(0.05)", "time.sleep(0.075)"));
    let arguments = ["load", "slowed", "--format", "json", "--seed", "1"];
    let slowed = desk.run(&[&arguments[..], &options].concat());
    assert_eq!(slowed.status, Some(1), "{slowed:?}");
    let changes = measured(&slowed)["baseline"]["changes"].clone();
    let worse = |change: &&Value| change["regression"] == true && change["of"] == "get_password_list";
    assert!(changes.as_array().unwrap().iter().find(worse).is_some(), "{changes}");
}

#[test]
fn sessions_of_a_case_or_a_corpus_are_run_over_and_over() {
    let desk = Desk::new();
    let case = r#"{"format": 1, "type": "credentialstore", "platform": "9.0", "configuration": null, "session_cookie": {},
        "cookie": {}, "calls": [{"hook": "session_ended", "arguments": {"session_id": "s-1"}}]}"#;
    fs::create_dir_all(desk.path("kept/LoadSleeps")).unwrap();
    fs::write(desk.path("kept/LoadSleeps/one.json"), case).unwrap();
    for options in [["--case", "kept/LoadSleeps/one.json"], ["--corpus", "kept"]] {
        let ran = load(&desk, "sleeps", &[&options[..], &["--sessions", "5", "--rate", "50/s"]].concat());
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let load = measured(&ran);
        assert_eq!(load["hooks"].as_object().unwrap().keys().collect::<Vec<_>>(), ["session_ended"]);
        assert_eq!(load["sessions"], 5);
    }
}
