//! Tells a report that was read back as a text for a terminal: makes of it what the run itself had, and hands that to the
//! same words. What the JSON does not hold in the words of a case is not told: arguments.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use super::{Case, Document, Shrunk, SizeRead, Told};
use crate::{
    case::RecordedFinding,
    contract::{Hook, Platform, PluginType},
    engine::{Coverage, ReportedFinding, Summary},
    finding::{Baseline, Finding, Fingerprint, Location, Rule, Severity},
    report::{After, Head, Minimized, Outcome, Replayed, Report, Size, json::Status, text},
};

impl Document {
    /// The report for a terminal, as far as the JSON holds it: without arguments.
    pub fn to_text(&self, width: usize, is_verbose: bool) -> String {
        let command = COMMANDS.iter().find(|name| **name == self.command).copied().unwrap_or("report");
        let head = Head {
            command,
            name: self.plugin.name.clone(),
            plugin_type: self.plugin.r#type.as_deref().and_then(PluginType::named),
            version: self.plugin.version.clone(),
            path: self.plugin.path.clone(),
            platform: Platform::named(&self.platform).unwrap_or_else(Platform::newest),
            python: self.python.clone(),
            seed: self.seed,
            held: None,
        };
        let known = self.told().into_iter().filter(|told| told.known).map(|told| told.fingerprint);
        let baseline = Baseline::of(known);
        let again = self.again();
        let replayed: Vec<Replayed> = self.cases.iter().map(|case| self.replayed(case)).collect();
        let of_a_case = |told: &Told| replayed.iter().any(|one| one.outcome.findings().iter().any(|f| told.is(f)));
        let summary = Summary {
            sessions: self.sessions,
            calls: self.calls,
            elapsed: elapsed(self.elapsed_seconds),
            coverage: Coverage {
                lines_hit: self.coverage.lines_hit,
                lines: self.coverage.lines,
                is_sampled: self.coverage.sampled,
                files: Vec::new(),
            },
            reported: self.findings.iter().filter(|told| !of_a_case(told)).filter_map(Told::reported).collect(),
            interrupted: self.status == Status::Interrupted,
            notes: self.notes.iter().cloned().chain(self.unknown()).collect(),
            ..Summary::default()
        };
        let mut lines = HashMap::new();
        for told in &self.findings {
            let file = told.location.as_ref().map_or("", |place| place.file.as_str());
            lines.extend(told.source.iter().map(|one| ((file, one.line), one.text.as_str())));
        }
        let report = Report {
            head: &head,
            summary: &summary,
            again: &again,
            source: &|file, line| lines.get(&(file, line)).map(|text| (*text).to_owned()),
            secrets: &[],
            planned: None,
            width,
            is_verbose,
            baseline: &baseline,
        };
        let mut text = text::opening(&head) + &text::summary(&report);
        match command {
            "replay" => {
                let interrupted = summary.interrupted;
                text.push_str(&text::replayed(&replayed, &again, &baseline, summary.elapsed, interrupted, width));
            }
            "minimize" => {
                let minimized: Vec<_> = self.minimized.iter().map(Shrunk::minimized).collect();
                text.push_str(&text::minimized(&minimized, summary.elapsed));
            }
            _ => {}
        }
        if let Some(measured) = &self.load {
            text.push_str(&text::load(measured, width));
        }
        text
    }

    /// What has no place in a text of this version.
    fn unknown(&self) -> Option<String> {
        let told = self.findings.iter().filter(|told| told.reported().is_none());
        let rules: Vec<_> = told.map(|told| format!("{} ({})", told.rule, told.message)).collect();
        (!rules.is_empty()).then(|| {
            format!("hookstorm {} also found what this version has no rule for: {}", self.hookstorm, rules.join("; "))
        })
    }

    fn replayed(&self, case: &Case) -> Replayed {
        let own = self.findings.iter().filter(|told| told.case.as_deref() == Some(&*case.path));
        let own = || own.clone().filter_map(|told| Some(told.reported()?.finding)).collect();
        let found = case.rule.clone().zip(case.fingerprint.clone());
        Replayed {
            path: PathBuf::from(&case.path),
            found: found.map(|(rule, fingerprint)| RecordedFinding {
                rule,
                fingerprint,
                message: case.message.clone().unwrap_or_default(),
            }),
            outcome: match case.outcome.as_str() {
                "still-there" => Outcome::StillThere(case.severity.unwrap_or(Severity::Warning)),
                "fixed" => Outcome::Fixed,
                "became-another" => Outcome::Became(own()),
                "silent" => Outcome::Silent,
                "broke" => Outcome::Broke(own()),
                "other-type" => Outcome::OtherType,
                "wants-other" => Outcome::WantsOther,
                "not-run" => Outcome::NotRun,
                "broken" => Outcome::Broken(case.reason.clone().unwrap_or_default()),
                other => Outcome::Broken(format!("this version does not know the outcome `{other}`")),
            },
        }
    }
}

/// The commands whose reports have a form of their own.
const COMMANDS: [&str; 7] = ["check", "run", "test", "fuzz", "replay", "minimize", "load"];

impl Told {
    /// The finding, where this version knows its rule.
    fn reported(&self) -> Option<ReportedFinding> {
        let finding = Finding {
            rule: Rule::named(&self.rule)?,
            severity: self.severity,
            hook: self.hook.as_deref().and_then(Hook::named),
            message: self.message.clone(),
            location: self.location.as_ref().map(|place| Location {
                file: place.file.clone(),
                line: place.line.unwrap_or(0),
                column: place.column.unwrap_or(0),
                function: place.function.clone().unwrap_or_default(),
            }),
            fingerprint: Fingerprint::read(&self.fingerprint)?,
            call: None,
            foreign_cookie: self.foreign_cookie,
            hint: self.hint.clone(),
        };
        Some(ReportedFinding {
            finding,
            occurrences: self.occurrences,
            case: None,
            case_path: self.case.as_ref().map(PathBuf::from),
            call: None,
            group: self.group,
            every_session: self.every_session,
        })
    }

    fn is(&self, finding: &Finding) -> bool {
        self.case.is_some() && self.fingerprint == finding.fingerprint.as_str()
    }
}

impl Shrunk {
    fn minimized(&self) -> Minimized {
        let size = |size: SizeRead| Size { calls: size.calls, arguments: size.arguments };
        Minimized {
            path: PathBuf::from(&self.path),
            before: size(self.before),
            after: match self.after {
                Some(after) => After::Stays(size(after)),
                None => After::TakenOut(self.reason.clone().unwrap_or_default()),
            },
        }
    }
}

/// A time that a report tells, whatever it tells.
fn elapsed(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Again, Mask, examples, json::ReportJson};

    fn report(summary: &Summary, again: &Again, baseline: &Baseline) -> ReportJson {
        ReportJson::new(&Report {
            head: &examples::head(),
            summary,
            again,
            source: &|_, _| Some(String::new()),
            secrets: &[],
            planned: None,
            width: 100,
            is_verbose: false,
            baseline,
        })
    }

    #[test]
    fn a_report_read_back_is_told_as_it_was_with_the_users_options() {
        let summary = examples::summary(vec![examples::reported(Rule::UncaughtException, 0)]);
        let mut again = examples::again();
        again.options = ["--config", "it's.cfg"].map(str::to_owned).to_vec();
        again.levels = vec![(Rule::UncaughtException, "uncaught-exception=error".into())];
        let text = Document::of(&report(&summary, &again, &Baseline::default())).to_text(100, false);
        let text = anstream::adapter::strip_str(&text).to_string();
        let text = text.replace(summary.reported[0].finding.fingerprint.as_str(), "FINGERPRINT");
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        insta::assert_snapshot!(text, @r"
        hookstorm VERSION: MyVault 1.0 (credentialstore) on platform 9.0, Python 3.11.7, seed 42
        error[uncaught-exception] get_password_list: AttributeError: 'list' object has no attribute 'get'
          --> lib/plugin.py:92 in user_defined_path
           why:     The call fails, the user is turned away, and what the plugin had checked out stays so
           118 times in 1000 sessions
           again:   hookstorm run vault/ --case corpora/MyVault/FINGERPRINT.json --rule uncaught-exception=error --config 'it'\''s.cfg'
           explain: hookstorm explain uncaught-exception

        1 finding (1 error) in 1000 sessions, 3712 calls, 1.9 s, seed 42, 61 of 74 lines
        ");
    }

    #[test]
    fn cases_that_were_replayed_are_told_with_what_they_show_now() {
        let baseline = Baseline::of(["0123456789ab".to_owned()]);
        let found = |fingerprint: &str| {
            Some(RecordedFinding {
                rule: "timeout".into(),
                fingerprint: fingerprint.into(),
                message: "it hangs".into(),
            })
        };
        let results = [
            Replayed {
                path: "a.json".into(),
                found: found("ba9876543210"),
                outcome: Outcome::StillThere(Severity::Error),
            },
            Replayed {
                path: "b.json".into(),
                found: found("0123456789ab"),
                outcome: Outcome::StillThere(Severity::Error),
            },
            Replayed {
                path: "c.json".into(),
                found: None,
                outcome: Outcome::Broke(vec![examples::finding(Rule::NotJson)]),
            },
        ];
        let mut head = examples::head();
        (head.command, head.seed) = ("replay", None);
        let (summary, again) = (Summary::default(), examples::again());
        let report = ReportJson::new(&Report {
            head: &head,
            summary: &summary,
            again: &again,
            source: &|_, _| None,
            secrets: &[],
            planned: None,
            width: 100,
            is_verbose: false,
            baseline: &baseline,
        });
        let report = report.with_replayed(&results, &again, &baseline, &|_, _| None, &Mask::default());
        let document = Document::of(&report);
        let rules: Vec<_> = document.told().into_iter().map(|told| (told.rule, told.known)).collect();
        assert_eq!(rules, [("not-json".into(), false), ("timeout".into(), false), ("timeout".to_owned(), true)]);
        let text = document.to_text(100, false);
        let direct = text::replayed(&results, &again, &baseline, Duration::ZERO, false, 100);
        assert!(text.ends_with(&direct), "{text}\n{direct}");
    }
}
