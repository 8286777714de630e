//! What `doctor` says of a machine: what plugins are run on, what holds them, what the machine has. For people and for
//! machines; [`crate::report::schema`] publishes the form.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    plain,
    style::{ERROR, GOOD, LABEL, STRONG, WARNING},
    text::wrapped,
};

/// How many blanks stand before what is said of a check: a state, and the longest name.
const INDENT: usize = 32;

/// What was seen of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "hookstorm doctor")]
pub struct Diagnosis {
    /// The version of hookstorm.
    pub hookstorm: &'static str,
    /// Whether plugins can be run here. Exit status 0 where they can, 3 where they cannot.
    pub can_run: bool,
    /// How many of the protections that hold a plugin are missing.
    pub missing: usize,
    /// What was looked at, in order.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// What it belongs to: "what plugins run on", "what holds them" or "the machine".
    pub group: &'static str,
    /// What it is.
    pub name: &'static str,
    /// How it is.
    pub state: State,
    /// What was found, or why it is missing as far as that can be known; null where nothing more can be said.
    pub found: Option<String>,
    /// What is open, or does not work, without it; null where nothing is.
    pub leaves_open: Option<String>,
    /// What to do, each a way of its own or a step; empty where nothing need be done.
    pub remedies: Vec<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is there.
    Ok,
    /// It is not there, and plugins can be run all the same.
    Missing,
    /// It is not there, and no plugin can be run.
    Failed,
}

impl Diagnosis {
    /// For a terminal of `width` characters.
    pub fn to_text(&self, width: usize) -> String {
        let mut text = String::new();
        let mut group = "";
        for check in &self.checks {
            if check.group != group {
                let blank = if group.is_empty() { "" } else { "\n" };
                group = check.group;
                text.push_str(&format!("{blank}{STRONG}{group}{STRONG:#}\n"));
            }
            text.push_str(&check.to_text(width));
        }
        text.push_str(&format!("\n{}\n", self.verdict()));
        text
    }

    /// What follows of it all.
    fn verdict(&self) -> String {
        match (self.can_run, self.missing) {
            (false, _) => format!("{ERROR}no plugin can be run here{ERROR:#}"),
            (true, 0) => format!("{GOOD}plugins can be run{GOOD:#}, and nothing of the sandbox is missing"),
            (true, number) => {
                let verb = if number == 1 { "is" } else { "are" };
                let missing = plain::counted(number as u64, "protection");
                format!(
                    "{WARNING}plugins can be run{WARNING:#}; {missing} {verb} missing: `--sandbox require` stops for want of it"
                )
            }
        }
    }

    /// As JSON, with a line feed at the end.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("it holds only text and numbers");
        text + "\n"
    }
}

impl Check {
    fn to_text(&self, width: usize) -> String {
        let (style, word) = match self.state {
            State::Ok => (GOOD, "ok"),
            State::Missing => (WARNING, "missing"),
            State::Failed => (ERROR, "failed"),
        };
        let found =
            self.found.as_deref().map(|found| wrapped(&plain::harmless(found), width, INDENT)).unwrap_or_default();
        let line = format!("  {style}{word:8}{style:#}{:22}{found}", self.name);
        let mut text = format!("{}\n", line.trim_end());
        let mut more = |label: &str, said: &str| {
            let said = wrapped(&plain::harmless(said), width, INDENT + 8);
            text.push_str(&format!("{:INDENT$}{LABEL}{label:8}{LABEL:#}{said}\n", ""));
        };
        self.leaves_open.iter().for_each(|open| more("open:", open));
        self.remedies.iter().for_each(|remedy| more("get it:", remedy));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis() -> Diagnosis {
        let check = |group, name, state, found: &str| Check {
            group,
            name,
            state,
            found: Some(found.to_owned()),
            leaves_open: None,
            remedies: Vec::new(),
        };
        Diagnosis {
            hookstorm: "0.1.0",
            can_run: true,
            missing: 1,
            checks: vec![
                check("what plugins run on", "worker", State::Ok, "/usr/bin/hookstorm-worker\x1b[2J"),
                Check {
                    leaves_open: Some("a plugin can read and write what you can, from code that is not Python".into()),
                    remedies: vec![
                        "start the kernel with `lsm=landlock,lockdown,yama,apparmor,bpf`".into(),
                        "ask".into(),
                    ],
                    ..check("what holds them", "Landlock", State::Missing, "the kernel was started without it")
                },
                check("the machine", "kernel", State::Failed, "none"),
            ],
        }
    }

    #[test]
    fn people_read_what_is_missing_what_it_leaves_open_and_what_to_do() {
        let text = anstream::adapter::strip_str(&diagnosis().to_text(90)).to_string();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_last_line_says_what_follows() {
        let verdict = |can_run, missing| {
            let text = Diagnosis { can_run, missing, ..diagnosis() }.verdict();
            anstream::adapter::strip_str(&text).to_string()
        };
        assert_eq!(verdict(false, 5), "no plugin can be run here");
        assert!(verdict(true, 0).ends_with("nothing of the sandbox is missing"));
        assert!(verdict(true, 2).contains("2 protections are missing"));
    }
}
