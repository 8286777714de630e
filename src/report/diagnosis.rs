//! The report of `doctor` on a machine: Python, the sandbox, the machine itself. For people and as JSON;
//! [`crate::report::schema`] publishes its form.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    plain,
    style::{ERROR, GOOD, LABEL, STRONG, WARNING},
    text::wrapped,
};

/// The column of a check's texts, after its state and the longest name.
const INDENT: usize = 32;

/// What a machine has to run plugins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "hookstorm doctor")]
pub struct Diagnosis {
    /// The version of hookstorm.
    pub hookstorm: &'static str,
    /// Whether plugins can run here. The exit status is 0 if they can, 3 if they cannot.
    pub can_run: bool,
    /// The number of protections that the sandbox lacks.
    pub missing: usize,
    /// What was checked, in order.
    pub checks: Vec<Check>,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// What it belongs to: "what plugins run on" (Python), "what holds them" (the sandbox) or "the machine".
    #[schemars(with = "String")]
    pub group: CheckGroup,
    /// Its name.
    pub name: &'static str,
    /// The result.
    pub state: State,
    /// What was found, or why it is missing as far as that is known; null if there is nothing to add.
    pub found: Option<String>,
    /// The risk, or what does not work, without it; null if nothing is missing.
    pub leaves_open: Option<String>,
    /// How to repair it, each an alternative or a step; empty if there is nothing to do.
    pub remedies: Vec<String>,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is there.
    Ok,
    /// It is missing, and plugins can still run.
    Missing,
    /// It is missing, and plugins cannot run.
    Failed,
}

/// The groups of checks. Their names in JSON are older than their titles, and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum CheckGroup {
    /// What plugins run on.
    #[serde(rename = "what plugins run on")]
    Python,
    /// The protections.
    #[serde(rename = "what holds them")]
    Sandbox,
    /// Kernel, user, container, resources.
    #[serde(rename = "the machine")]
    Machine,
}

impl CheckGroup {
    /// Its title in the text.
    const fn title(self) -> &'static str {
        match self {
            Self::Python => "worker and Python",
            Self::Sandbox => "sandbox",
            Self::Machine => "machine",
        }
    }
}

impl Diagnosis {
    /// For a terminal of `width` characters.
    pub fn to_text(&self, width: usize) -> String {
        let mut text = String::new();
        let mut group = None;
        for check in &self.checks {
            if group != Some(check.group) {
                let blank = if group.is_none() { "" } else { "\n" };
                group = Some(check.group);
                text.push_str(&format!("{blank}{STRONG}{}{STRONG:#}\n", check.group.title()));
            }
            text.push_str(&check.to_text(width));
        }
        text.push_str(&format!("\n{}\n", self.verdict()));
        text
    }

    /// The last line of the text.
    fn verdict(&self) -> String {
        match (self.can_run, self.missing) {
            (false, _) => format!("{ERROR}plugins cannot run here{ERROR:#}"),
            (true, 0) => format!("{GOOD}plugins can run{GOOD:#}, and the sandbox is complete"),
            (true, number) => {
                let verb = if number == 1 { "is" } else { "are" };
                let missing = plain::counted(number as u64, "protection");
                format!(
                    "{WARNING}plugins can run{WARNING:#}; {missing} of the sandbox {verb} missing, so `--sandbox require` would stop"
                )
            }
        }
    }

    /// As JSON, with a line feed at the end.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("text and numbers have a form in JSON");
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
        self.leaves_open.iter().for_each(|open| more("risk:", open));
        self.remedies.iter().for_each(|remedy| more("fix:", remedy));
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
                check(CheckGroup::Python, "worker", State::Ok, "/usr/bin/hookstorm-worker\x1b[2J"),
                Check {
                    leaves_open: Some("a plugin can read and write what you can, from code that is not Python".into()),
                    remedies: vec![
                        "start the kernel with `lsm=landlock,lockdown,yama,apparmor,bpf`".into(),
                        "ask".into(),
                    ],
                    ..check(CheckGroup::Sandbox, "Landlock", State::Missing, "the kernel was started without it")
                },
                check(CheckGroup::Machine, "kernel", State::Failed, "none"),
            ],
        }
    }

    #[test]
    fn the_text_says_what_is_missing_what_the_risk_is_and_how_to_fix_it() {
        let text = anstream::adapter::strip_str(&diagnosis().to_text(90)).to_string();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_last_line_says_whether_plugins_can_run() {
        let verdict = |can_run, missing| {
            let text = Diagnosis { can_run, missing, ..diagnosis() }.verdict();
            anstream::adapter::strip_str(&text).to_string()
        };
        assert_eq!(verdict(false, 5), "plugins cannot run here");
        assert!(verdict(true, 0).ends_with("the sandbox is complete"));
        assert!(verdict(true, 2).contains("2 protections of the sandbox are missing"));
    }
}
