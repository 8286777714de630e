//! What `replay` and `minimize` tell: a line for each case that matters, and a count.

use std::time::Duration;

use super::{finding::headline, not_told_again};
use crate::{
    finding::Baseline,
    report::{
        After, Again, Minimized, Outcome, Replayed, plain,
        style::{ERROR, GOOD, LABEL, STRONG, WARNING, of},
    },
};

/// How the cases of a corpus fare. Silent ones, and what `baseline` holds, are only counted.
pub fn replayed(
    results: &[Replayed],
    again: &Again,
    baseline: &Baseline,
    elapsed: Duration,
    is_interrupted: bool,
    width: usize,
) -> String {
    let (known, results_to_tell): (Vec<_>, Vec<_>) = results.iter().partition(|one| one.is_known(baseline));
    let mut text = String::new();
    for one in results_to_tell {
        let path = plain::harmless(&one.path.to_string_lossy()).into_owned();
        let once = one.found.as_ref().map(|found| {
            let (rule, message) = (plain::harmless(&found.rule), plain::harmless(&found.message));
            plain::cut(&if message.is_empty() { rule.into_owned() } else { format!("{rule}: {message}") }, width)
        });
        let once = once.unwrap_or_default();
        let shown = match &one.outcome {
            Outcome::Silent | Outcome::OtherType | Outcome::WantsOther | Outcome::NotRun => continue,
            Outcome::StillThere(severity) => {
                let style = of(*severity);
                format!("{style}still there{style:#}  {path}\n   {once}\n")
            }
            Outcome::Fixed => format!(
                "{GOOD}fixed{GOOD:#}  {path}\n   {once}\n   take `found` out of it to keep it as a regression test\n"
            ),
            Outcome::Became(_) => format!("{ERROR}became another one{ERROR:#}  {path}\n   was {once}\n"),
            Outcome::Broken(reason) => {
                format!(
                    "{ERROR}cannot be run{ERROR:#}  {path}\n   {}\n",
                    plain::cut(&plain::harmless(reason), width * 2)
                )
            }
            Outcome::Broke(_) => format!("{ERROR}broke{ERROR:#}  {path}\n"),
        };
        text.push_str(&shown);
        for finding in one.outcome.findings() {
            text.push_str(&format!("   {}", headline(finding, width)));
        }
        if !matches!(one.outcome, Outcome::Fixed) {
            let words = ["--case".to_owned(), one.path.to_string_lossy().into_owned()];
            text.push_str(&format!("   {LABEL}again:   {LABEL:#}{}\n", again.command("run", &words)));
        }
        text.push('\n');
    }
    text.push_str(&not_told_again(known.len()));
    if is_interrupted {
        text.push_str(&format!("{WARNING}interrupted{WARNING:#}: some cases were not run\n"));
    }
    text.push_str(&count(results, elapsed));
    text
}

/// `4 cases (2 still there, 1 fixed, 1 silent) in 0.4 s`.
fn count(results: &[Replayed], elapsed: Duration) -> String {
    let number = |is: fn(&Outcome) -> bool| results.iter().filter(|one| is(&one.outcome)).count();
    let counts = [
        (number(|outcome| matches!(outcome, Outcome::StillThere(_))), "still there"),
        (number(|outcome| matches!(outcome, Outcome::Became(_))), "became another one"),
        (number(|outcome| matches!(outcome, Outcome::Broke(_))), "broke"),
        (number(|outcome| matches!(outcome, Outcome::Fixed)), "fixed"),
        (number(|outcome| matches!(outcome, Outcome::Silent)), "silent"),
        (number(|outcome| matches!(outcome, Outcome::Broken(_))), "that cannot be run"),
        (number(|outcome| matches!(outcome, Outcome::OtherType)), "for another type of plugin"),
        (number(|outcome| matches!(outcome, Outcome::WantsOther)), "that want `--with OTHER`"),
        (number(|outcome| matches!(outcome, Outcome::NotRun)), "not run"),
    ];
    let counts = counts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let counts = if counts.is_empty() { String::new() } else { format!(" ({counts})") };
    format!(
        "{STRONG}{}{STRONG:#}{counts} in {}\n",
        plain::counted(results.len() as u64, "case"),
        plain::elapsed(elapsed)
    )
}

/// What was shrunk.
pub fn minimized(results: &[Minimized], elapsed: Duration) -> String {
    let mut text = String::new();
    for one in results {
        let path = plain::harmless(&one.path.to_string_lossy()).into_owned();
        let change = match &one.after {
            After::TakenOut(reason) => format!("taken out: {}", plain::harmless(reason)),
            After::Stays(after) if *after == one.before => "as small as it gets".to_owned(),
            After::Stays(after) => format!(
                "{} to {}, {} to {}",
                plain::counted(one.before.calls as u64, "call"),
                after.calls,
                plain::counted(one.before.arguments as u64, "argument"),
                after.arguments
            ),
        };
        text.push_str(&format!("{path}: {change}\n"));
    }
    let all = plain::counted(results.len() as u64, "case");
    text.push_str(&format!("{STRONG}{all}{STRONG:#} in {}\n", plain::elapsed(elapsed)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::RecordedFinding,
        finding::{Rule, Severity},
        report::{Size, examples},
    };

    fn case(path: &str, outcome: Outcome) -> Replayed {
        let found = RecordedFinding {
            rule: "uncaught-exception".into(),
            fingerprint: "3f9c2a71d0b4".into(),
            message: "AttributeError: 'list' object has no attribute 'get'".into(),
        };
        Replayed { path: path.into(), found: Some(found), outcome }
    }

    #[test]
    fn a_corpus_is_told_case_by_case_and_silence_is_counted() {
        let results = [
            case("corpora/vault/a.json", Outcome::StillThere(Severity::Error)),
            case("corpora/vault/b.json", Outcome::Fixed),
            case("corpora/vault/c.json", Outcome::Became(vec![examples::finding(Rule::Timeout)])),
            case("corpora/vault/d.json", Outcome::Silent),
            case("corpora/vault/e.json", Outcome::OtherType),
            case("corpora/vault/f.json", Outcome::Broken("the plugin does not load with its configuration".into())),
            case("corpora/vault/g.json", Outcome::WantsOther),
        ];
        let text = replayed(&results, &examples::again(), &Baseline::default(), Duration::from_millis(400), false, 100);
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r"
        still there  corpora/vault/a.json
           uncaught-exception: AttributeError: 'list' object has no attribute 'get'
           again:   hookstorm run vault/ --case corpora/vault/a.json

        fixed  corpora/vault/b.json
           uncaught-exception: AttributeError: 'list' object has no attribute 'get'
           take `found` out of it to keep it as a regression test

        became another one  corpora/vault/c.json
           was uncaught-exception: AttributeError: 'list' object has no attribute 'get'
           error[timeout] get_password_list: AttributeError: 'list' object has no attribute 'get'
           again:   hookstorm run vault/ --case corpora/vault/c.json

        cannot be run  corpora/vault/f.json
           the plugin does not load with its configuration
           again:   hookstorm run vault/ --case corpora/vault/f.json

        7 cases (1 still there, 1 became another one, 1 fixed, 1 silent, 1 that cannot be run, 1 for another type of plugin, 1 that want `--with OTHER`) in 0.4 s
        ");
    }

    #[test]
    fn an_empty_corpus_is_no_case() {
        let text = replayed(&[], &examples::again(), &Baseline::default(), Duration::ZERO, false, 100);
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "0 cases in 0 ms\n");
    }

    #[test]
    fn shrinking_tells_what_became_of_each_case() {
        let (large, small) = (Size { calls: 7, arguments: 31 }, Size { calls: 2, arguments: 4 });
        let results = [
            Minimized { path: "a.json".into(), before: large, after: After::Stays(small) },
            Minimized { path: "b.json".into(), before: small, after: After::Stays(small) },
            Minimized {
                path: "c.json".into(),
                before: small,
                after: After::TakenOut("`a.json` shows the same and is smaller".into()),
            },
        ];
        let text = minimized(&results, Duration::from_secs(65));
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r"
        a.json: 7 calls to 2, 31 arguments to 4
        b.json: as small as it gets
        c.json: taken out: `a.json` shows the same and is smaller
        3 cases in 1 min 5 s
        ");
    }
}
