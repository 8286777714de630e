//! How long `fuzz` takes to find each of twelve planted defects, and with COMPARE=1 how long Atheris and Hypothesis take,
//! side by side. `make planted`; the table is Markdown. All run on one core, in turn.
//!
//! SEEDS (10) says how many seeds hookstorm gets, RIVAL_SEEDS (3) how many the others get, TIME (60) how many seconds each
//! run has, ONLY a part of the plugins' names. A tool that has missed with more than half of its seeds gets no more: its
//! median is beyond the limit whatever follows.

mod hunt;

use std::{path::PathBuf, time::Duration};

use hunt::{Hunted, Planted, median, set};

/// Who hunts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Hookstorm,
    Atheris,
    Hypothesis,
}

impl Tool {
    const fn name(self) -> &'static str {
        match self {
            Self::Hookstorm => "hookstorm",
            Self::Atheris => "Atheris",
            Self::Hypothesis => "Hypothesis",
        }
    }

    fn hunt(self, planted: &Planted, seed: u64, limit: Duration) -> Hunted {
        let script = match self {
            Self::Hookstorm => return hunt::with_hookstorm(planted, seed, limit),
            Self::Atheris => "test_with_atheris.py",
            Self::Hypothesis => "test_with_hypothesis.py",
        };
        let scratch = tempfile::tempdir().expect("a folder can be made");
        let mut command = hunt::on_core(0, rivals().join("bin/python"));
        command.arg(hunt::folder("benches/planted/harness").join(script)).arg(planted.path());
        command.args([&planted.rule, &planted.hook, &seed.to_string(), &limit.as_secs().to_string()]);
        command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(scratch.path());
        let mut others = Vec::new();
        let told = hunt::until(&mut command, limit, |line| serde_json::from_str::<serde_json::Value>(line).ok());
        let took = told.and_then(|(took, told)| {
            let also = told["others"].as_array().into_iter().flatten();
            others.extend(also.map(|other| format!("{}: {} tells {other}", planted.folder, self.name())));
            (told["found"] == true).then_some(took)
        });
        Hunted { took, others }
    }
}

/// The virtual environment with Atheris and Hypothesis.
fn rivals() -> PathBuf {
    std::env::var_os("RIVALS_VENV").expect("`make planted COMPARE=1` sets RIVALS_VENV").into()
}

/// All that one tool did on one plugin.
struct Tried {
    tool: Tool,
    times: Vec<Option<Duration>>,
}

impl Tried {
    fn new(tool: Tool, planted: &Planted, seeds: u64, limit: Duration, notes: &mut Vec<String>) -> Self {
        let mut times = Vec::new();
        for seed in 1..=seeds {
            let hunted = tool.hunt(planted, seed, limit);
            eprintln!("{} {} seed {seed}: {}", planted.folder, tool.name(), told(hunted.took, limit));
            times.push(hunted.took);
            notes.extend(hunted.others);
            let missed = times.iter().filter(|time| time.is_none()).count() as u64;
            if missed * 2 > seeds {
                break;
            }
        }
        Self { tool, times }
    }

    fn median(&self) -> Option<Duration> {
        median(&self.times)
    }

    fn found(&self) -> usize {
        self.times.iter().flatten().count()
    }
}

fn told(took: Option<Duration>, limit: Duration) -> String {
    match took {
        Some(took) => format!("{:.2} s", took.as_secs_f64()),
        None => format!("> {} s", limit.as_secs()),
    }
}

fn main() {
    // `cargo test --benches` runs this too, and only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let limit = Duration::from_secs(set("TIME", 60));
    let compare = std::env::var_os("COMPARE").is_some_and(|value| !value.is_empty() && value != "0");
    let tools = if compare { &[Tool::Hookstorm, Tool::Atheris, Tool::Hypothesis][..] } else { &[Tool::Hookstorm] };
    let only = std::env::var("ONLY").unwrap_or_default();
    let (seeds, rival_seeds) = (set("SEEDS", 10), set("RIVAL_SEEDS", 3));

    print!("| plugin | depth | what it needs |");
    tools.iter().for_each(|tool| print!(" {} | found |", tool.name()));
    println!("\n| --- | ---: | --- |{}", " ---: | ---: |".repeat(tools.len()));
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    for planted in Planted::all().into_iter().filter(|planted| planted.folder.contains(&only)) {
        print!("| {} | {} | {} |", planted.folder, planted.depth, planted.needs);
        let row: Vec<Tried> = tools
            .iter()
            .map(|&tool| {
                let seeds = if tool == Tool::Hookstorm { seeds } else { rival_seeds };
                let tried = Tried::new(tool, &planted, seeds, limit, &mut notes);
                print!(" {} | {}/{} |", told(tried.median(), limit), tried.found(), tried.times.len());
                tried
            })
            .collect();
        println!();
        rows.push(row);
    }
    println!();
    for (place, tool) in tools.iter().enumerate() {
        let medians: Vec<Option<Duration>> = rows.iter().map(|row| row[place].median()).collect();
        let found = medians.iter().flatten().count();
        println!(
            "{}: {found} of {} found by the median seed, median time {}",
            tool.name(),
            rows.len(),
            told(median(&medians), limit)
        );
    }
    if compare {
        tell_ratios(&rows, limit);
    }
    notes.sort();
    notes.dedup();
    notes.iter().for_each(|note| println!("found besides: {note}"));
}

/// Prints the median of hookstorm's times by those of the better of the others. A miss counts as the whole limit: for the
/// others that flatters them.
fn tell_ratios(rows: &[Vec<Tried>], limit: Duration) {
    let seconds = |tried: &Tried| tried.median().unwrap_or(limit).as_secs_f64();
    let mut ratios: Vec<f64> = rows
        .iter()
        .map(|row| {
            let ours = row.iter().filter(|tried| tried.tool == Tool::Hookstorm).map(seconds).fold(f64::MAX, f64::min);
            let theirs = row.iter().filter(|tried| tried.tool != Tool::Hookstorm).map(seconds).fold(f64::MAX, f64::min);
            ours / theirs
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    if let Some(median) = ratios.get(ratios.len() / 2) {
        let all: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.3}")).collect();
        println!(
            "hookstorm's time by that of the better of the others, median {median:.3} (at most 0.2): {}",
            all.join(" ")
        );
    }
}
