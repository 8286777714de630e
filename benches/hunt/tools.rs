//! Who hunts for what is planted: hookstorm, Atheris and Hypothesis by their harnesses in `benches/peers`. Prints a
//! table in Markdown as it goes. All run on one core, in turn.
//!
//! A tool that has missed with more than half of its seeds gets no more: its median is beyond the limit whatever
//! follows.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{Hunted, Planted, median, set};

/// Who hunts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Hookstorm,
    Atheris,
    Hypothesis,
}

impl Tool {
    /// All of them.
    pub(crate) const ALL: &[Self] = &[Self::Hookstorm, Self::Atheris, Self::Hypothesis];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hookstorm => "hookstorm",
            Self::Atheris => "Atheris",
            Self::Hypothesis => "Hypothesis",
        }
    }

    /// The file of the harness.
    pub(crate) const fn script(self) -> Option<&'static str> {
        match self {
            Self::Hookstorm => None,
            Self::Atheris => Some("test_with_atheris.py"),
            Self::Hypothesis => Some("test_with_hypothesis.py"),
        }
    }

    fn hunt(self, planted: &Planted, seed: u64, limit: Duration) -> Hunted {
        let Some(script) = self.script() else {
            return super::with_hookstorm(planted, seed, limit);
        };
        let scratch = tempfile::tempdir().expect("a folder can be made");
        let mut command = peer(script, &planted.path(), [&planted.rule, &planted.hook], seed, limit, scratch.path());
        let mut others = Vec::new();
        let told = super::until(&mut command, limit, |line| serde_json::from_str::<serde_json::Value>(line).ok());
        let took = told.and_then(|(took, told)| {
            let also = told["others"].as_array().into_iter().flatten();
            others.extend(also.map(|other| format!("{}: {} tells {other}", planted.folder, self.name())));
            (told["found"] == true).then_some(took)
        });
        Hunted { took, others }
    }
}

/// A harness of `benches/peers` that hunts on one core for what breaks `sought`, a rule and a hook.
pub(crate) fn peer(
    script: &str,
    plugin: &Path,
    sought: [&str; 2],
    seed: u64,
    limit: Duration,
    scratch: &Path,
) -> Command {
    let mut command = super::on_core(0, peers_venv().join("bin/python"));
    command.arg(super::folder("benches/peers").join(script)).arg(plugin).args(sought);
    command.args([seed.to_string(), limit.as_secs().to_string()]);
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(scratch);
    command
}

/// The virtual environment with Atheris and Hypothesis.
pub(crate) fn peers_venv() -> PathBuf {
    std::env::var_os("PEERS_VENV").expect("`make bench-peers` and `make planted COMPARE=1` set PEERS_VENV").into()
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

/// What a table is made with.
pub(crate) struct Hunting {
    tools: &'static [Tool],
    limit: Duration,
    seeds: u64,
    peer_seeds: u64,
    only: String,
}

impl Hunting {
    /// By what the environment sets: SEEDS, RIVAL_SEEDS, TIME, ONLY.
    pub(crate) fn new(tools: &'static [Tool]) -> Self {
        Self {
            tools,
            limit: Duration::from_secs(set("TIME", 60)),
            seeds: set("SEEDS", 10),
            peer_seeds: set("RIVAL_SEEDS", 3),
            only: std::env::var("ONLY").unwrap_or_default(),
        }
    }

    /// How much each gets, in words.
    pub(crate) fn terms(&self) -> String {
        let (seeds, peer_seeds) = (self.seeds, self.peer_seeds);
        format!(
            "median of {seeds} seeds for hookstorm and of {peer_seeds} for the others, at most {} s each",
            self.limit.as_secs()
        )
    }

    /// Hunts, and prints the table and what sums it up.
    pub(crate) fn print(&self) {
        let (tools, limit) = (self.tools, self.limit);
        print!("| plugin | depth | what it needs |");
        tools.iter().for_each(|tool| print!(" {} | found |", tool.name()));
        println!("\n| --- | ---: | --- |{}", " ---: | ---: |".repeat(tools.len()));
        let mut rows = Vec::new();
        let mut notes = Vec::new();
        for planted in Planted::all().into_iter().filter(|planted| planted.folder.contains(&self.only)) {
            print!("| {} | {} | {} |", planted.folder, planted.depth, planted.needs);
            let row: Vec<Tried> = tools
                .iter()
                .map(|&tool| {
                    let seeds = if tool == Tool::Hookstorm { self.seeds } else { self.peer_seeds };
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
        if tools.len() > 1 {
            tell_ratios(&rows, limit);
        }
        notes.sort();
        notes.dedup();
        notes.iter().for_each(|note| println!("found besides: {note}"));
    }
}

/// Prints the median of hookstorm's times by those of the better of the others. A miss counts as the whole limit: for
/// the others that flatters them.
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
