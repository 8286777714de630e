//! A canary in a text: where it is, how it is encoded, and the finding, which quotes the text without the secret.
//! More tests are in `secret_leak`, which searches.

use std::cell::OnceCell;

use super::{
    canary::{self, Canary},
    context::Context,
    encoding::{self, Encoding},
    mask, message,
    stable_name::stable_name,
    stack,
};
use crate::{
    finding::{Finding, Fingerprint, Location, Rule, Severity, fingerprint},
    trace::{CallTrace, CapturedOutput, LogRecord},
};

/// How many characters of a line are quoted on either side of the secret.
const QUOTED_CHARACTERS: usize = 60;
/// How many bytes of a line on either side of the secret are masked for a quotation.
const MASKED_BYTES: usize = 1000;

/// Where other people can read text of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel<'a> {
    Stderr,
    Stdout,
    Exception,
    Metadata,
    /// A file with that path inside the plugin's folders.
    File(&'a str),
    SessionCookie,
}

impl Channel<'_> {
    const fn id(self) -> &'static str {
        match self {
            Self::Stderr => "stderr",
            Self::Stdout => "stdout",
            Self::Exception => "exception",
            Self::Metadata => "additional_metadata",
            Self::File(_) => "file",
            Self::SessionCookie => "session_cookie",
        }
    }

    /// Who reads it there.
    const fn reason(self) -> &'static str {
        match self {
            Self::Stderr => {
                "Standard error goes to the system log and the log server, and people who may not know these \
                 passwords read it"
            }
            Self::Stdout => "No guide says where the platform sends standard output, so nobody knows who can read it",
            Self::Exception => {
                "The text of an exception that leaves a hook is logged, and people who may not know these passwords \
                 read the log"
            }
            Self::Metadata => {
                "The platform gets `additional_metadata` as a text about the session, and nothing says that it is kept secret"
            }
            Self::File(_) => {
                "The file stays on the disk after the call. Everybody who can read the disk, or a copy of it, can \
                 read the secret"
            }
            Self::SessionCookie => "Every other plugin of the session gets `session_cookie`",
        }
    }

    /// What to do instead.
    const fn remedy(self) -> &'static str {
        match self {
            Self::Stderr => "log what identifies the user or the request (a name, a status, a length), not the secret",
            Self::Stdout => "remove the output, or print what identifies the request instead of the secret",
            Self::Exception => "leave the secret out of the exception's text, or catch the exception in the hook",
            Self::Metadata => "put what identifies the user or the token there, not the secret",
            Self::File(_) => {
                "do not write the secret to a file; what a later call of the session needs can be in `cookie`, \
                 which only this plugin gets"
            }
            Self::SessionCookie => "put it into `cookie`, which only this plugin gets",
        }
    }

    /// Whether text of one call is still there after the next, so that only the first call is reported.
    pub(super) const fn lasts(self) -> bool {
        matches!(self, Self::File(_) | Self::SessionCookie)
    }
}

/// Where a canary is in a text, and how it is encoded, if it is.
pub(super) struct CanaryMatch {
    pub(super) start: usize,
    end: usize,
    encoding: Option<Encoding>,
}

impl CanaryMatch {
    /// The same in a longer text, which begins `bytes` before.
    pub(super) const fn moved_by(self, bytes: usize) -> Self {
        Self { start: self.start + bytes, end: self.end + bytes, encoding: self.encoding }
    }
}

/// Searches for `canary`. `may_be_encoded` is shared by all searches of one text, so that it is computed at most once.
pub(super) fn find(text: &str, canary: &Canary<'_>, may_be_encoded: &OnceCell<bool>) -> Option<CanaryMatch> {
    if text.len() < canary.text.len() {
        return None;
    }
    let whole_word = canary::must_be_word(&canary.text);
    let at = |start, part: &str, encoding| CanaryMatch { start, end: start + part.len(), encoding };
    let plain = memchr::memmem::find_iter(text.as_bytes(), canary.text.as_bytes())
        .find(|&start| !whole_word || mask::is_word_at(text, start, start + canary.text.len()));
    if let Some(start) = plain {
        return Some(at(start, &canary.text, None));
    }
    if !may_be_encoded.get_or_init(|| encoding::may_contain(text)) {
        return None;
    }
    canary.encodings().iter().find_map(|(encoding, part)| {
        memchr::memmem::find(text.as_bytes(), part.as_bytes()).map(|start| at(start, part, Some(*encoding)))
    })
}

/// The place of a leak.
pub(super) struct LeakPlace<'a> {
    pub(super) channel: Channel<'a>,
    /// The record of `logging` that wrote it.
    pub(super) record: Option<&'a LogRecord>,
}

impl<'a> LeakPlace<'a> {
    /// The place of what is at `at` in the text of `channel`.
    pub(super) fn new(channel: Channel<'a>, output: Option<&'a CapturedOutput>, at: usize) -> Self {
        Self { channel, record: output.and_then(|output| output.record_at(at)) }
    }

    /// What distinguishes it from other places of the same channel and function: no line and no value.
    pub(super) fn detail(&self, context: &Context<'_>) -> String {
        match (self.channel, self.record) {
            (Channel::File(path), _) => format!("file {}", stable_name(context.plugin, &context.mask(path))),
            (channel, Some(record)) => {
                format!("{} {} {}", channel.id(), record.level_name(), own_template(context, &record.template))
            }
            (channel, None) => channel.id().to_owned(),
        }
    }

    /// Version 0.1.0 did not tell the places of the log apart, nor files.
    fn former_fingerprint(&self, canary: &Canary<'_>, call: &CallTrace) -> Option<Fingerprint> {
        let detail = format!("{} {}", canary.kind.id(), self.channel.id());
        let is_new = matches!(self.channel, Channel::File(_)) || self.record.is_some();
        is_new.then(|| fingerprint(Rule::SecretLeak, Some(call.hook), "", "", "", &detail))
    }

    /// The logging call, or where the exception was raised.
    pub(super) fn location(&self, call: &CallTrace) -> Option<Location> {
        match self.channel {
            Channel::Exception => stack::location_of_ending(&call.ending),
            _ => self.record.map(|record| stack::location(&record.frame)),
        }
    }

    fn severity(&self, context: &Context<'_>, call: &CallTrace) -> Severity {
        let is_warning = match (self.channel, self.record) {
            (Channel::SessionCookie, _) => true,
            (Channel::Stderr, Some(record)) => record.level < LogRecord::INFO,
            // Of a process that died, no record is known.
            (Channel::Stderr, None) => call.stderr.records.is_empty() && context.plugin.logs_debug,
            _ => false,
        };
        if is_warning { Severity::Warning } else { Rule::SecretLeak.severity() }
    }

    fn description(&self, context: &Context<'_>) -> String {
        match (self.channel, self.record) {
            (Channel::Stderr, Some(record)) if record.level < LogRecord::INFO => {
                format!("is written to standard error at log level {}", record.level_name())
            }
            (Channel::Stderr, _) => "is written to standard error".into(),
            (Channel::Stdout, _) => "is written to standard output".into(),
            (Channel::Exception, _) => "is in the text of an exception".into(),
            (Channel::Metadata, _) => "is in `additional_metadata`".into(),
            (Channel::File(path), _) => {
                let name = stable_name(context.plugin, &context.mask(path));
                format!("is left behind in the file `{}`", message::one_line(&name, message::MESSAGE_LIMIT))
            }
            (Channel::SessionCookie, _) => "is in the session cookie".into(),
        }
    }
}

/// The longest text of the plugin's own code with which a record's text begins. A text that is made before the call, as
/// an f-string is, contains values after that.
fn own_template<'a>(context: &'a Context<'_>, template: &str) -> &'a str {
    let own = context.plugin.own_words.iter().filter(|word| template.starts_with(word.as_str()));
    own.max_by_key(|word| word.len()).map_or("", String::as_str)
}

pub(super) fn finding(
    context: &Context<'_>,
    index: usize,
    place: &LeakPlace<'_>,
    canary: &Canary<'_>,
    text: &str,
    found: &CanaryMatch,
) -> Finding {
    let call = &context.trace.calls[index];
    let encoding = found.encoding.map_or("", Encoding::description);
    let quoted = quote(context, text, found).map_or_else(String::new, |quoted| format!(": `{quoted}`"));
    let message = format!("{} {}{encoding}{quoted}", canary.kind.description(), place.description(context));
    context
        .draft(Rule::SecretLeak, index, message)
        .severity(place.severity(context, call))
        .at(place.location(call))
        .detail(format!("{} {}", canary.kind.id(), place.detail(context)))
        .former(place.former_fingerprint(canary, call))
        .reason(place.channel.reason().to_owned())
        .hint(place.channel.remedy().to_owned())
        .finish()
}

/// The line around a match with its secrets masked, cut to the surroundings of the first of them. `None` if they are no
/// text: a database for instance.
fn quote(context: &Context<'_>, text: &str, found: &CanaryMatch) -> Option<String> {
    let line_start = text[..found.start].rfind('\n').map_or(0, |line| line + 1);
    let start = text.floor_char_boundary(line_start.max(found.start.saturating_sub(MASKED_BYTES)));
    // A secret may contain line ends, so the line ends after it.
    let end = text.floor_char_boundary((found.end + MASKED_BYTES).min(text.len()));
    let masked = context.mask(&text[start..end]);
    let hidden = masked.find("***").unwrap_or(0);
    let line_end = masked[hidden..].find('\n').map_or(masked.len(), |line| hidden + line);
    let near: usize = masked[..hidden].chars().count().saturating_sub(QUOTED_CHARACTERS);
    let line: String = masked[..line_end].chars().skip(near).take(2 * QUOTED_CHARACTERS + 1).collect();
    if line.contains(['\0', '\u{fffd}']) {
        return None;
    }
    let before = if near > 0 { "…" } else { "" };
    Some(format!("{before}{}", message::one_line(&line, 2 * QUOTED_CHARACTERS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Argument, Hook},
        oracle::testing::{Played, dict, frame, list, store, text},
        trace::{Observed, ScratchFile},
    };

    const SECRET: &str = "Tr0ub4dor&3";
    const HOOK: Hook = Hook::GetPasswordList;

    /// A hook that logged each line with its level in a function, at the line of its number.
    fn logged(lines: &[(i64, &str, &str)]) -> Played {
        let mut played = Played::returned(HOOK, Observed::None).with(Argument::GatewayPassword, SECRET);
        let stderr = &mut played.last().stderr;
        for (number, &(level, function, line)) in (1..).zip(lines) {
            let start = stderr.text.len() as u64;
            stderr.text.push_str(line);
            stderr.text.push('\n');
            let end = stderr.text.len() as u64;
            let template = line.replace(SECRET, "%s");
            if level > 0 {
                stderr.records.push(LogRecord { level, start, end, template, frame: frame(function, number) });
            }
        }
        stderr.bytes = stderr.text.len() as u64;
        played
    }

    fn places(played: &Played) -> Vec<(Severity, Option<u32>)> {
        let findings = played.judge(&store());
        findings.iter().map(|one| (one.severity, one.location.as_ref().map(|place| place.line))).collect()
    }

    #[test]
    fn each_logging_call_is_a_finding_with_its_line_and_the_level_of_its_record() {
        let played = logged(&[
            (20, "login", "login with Tr0ub4dor&3"),
            (40, "login", "GET /?p=Tr0ub4dor&3"),
            (10, "login", "debug Tr0ub4dor&3"),
            (20, "other", "login with Tr0ub4dor&3"),
            // Another call in the same function with the same text, and one without a secret.
            (20, "login", "login with Tr0ub4dor&3"),
            (20, "login", "done"),
        ]);
        let (error, warning) = (Severity::Error, Severity::Warning);
        assert_eq!(places(&played), [(error, Some(1)), (error, Some(2)), (warning, Some(3)), (error, Some(4))]);
        let findings = played.judge(&store());
        assert!(findings[2].message.contains("at log level DEBUG: `debug ***`"), "{}", findings[2].message);
        let mut fingerprints: Vec<_> = findings.iter().map(|one| &one.fingerprint).collect();
        fingerprints.sort();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), 4);
    }

    #[test]
    fn two_calls_of_one_function_are_told_apart_by_their_own_words() {
        let lines = [(20, "f", "begin Tr0ub4dor&3"), (20, "f", "end Tr0ub4dor&3")];
        assert_eq!(logged(&lines).judge(&store()).len(), 1);
        let mut plugin = store();
        plugin.own_words.extend(["begin ".to_owned(), "end ".to_owned()]);
        assert_eq!(logged(&lines).judge(&plugin).len(), 2);
    }

    #[test]
    fn the_configured_level_does_not_make_a_warning_of_a_record_and_of_print() {
        let mut plugin = store();
        plugin.logs_debug = true;
        let played = logged(&[(30, "f", "with Tr0ub4dor&3"), (0, "f", "printed Tr0ub4dor&3")]);
        let findings = played.judge(&plugin);
        assert!(findings.iter().all(|finding| finding.severity == Severity::Error) && findings.len() == 2);
        assert_eq!(findings[1].location, None);
    }

    #[test]
    fn each_channel_has_its_own_reason_and_remedy() {
        let mut played = logged(&[(20, "f", "with Tr0ub4dor&3")]);
        played.last().stdout = played.last().stderr.clone();
        played.last().stdout.records.clear();
        played.last().files = vec![ScratchFile { path: "ephemeral/a.db".into(), text: format!("a\0{SECRET}\0") }];
        played.last().ending = crate::trace::Ending::Returned(dict([
            ("passwords", list([])),
            ("session_cookie", dict([("t", text(SECRET))])),
        ]));
        let findings = played.judge(&store());
        assert_eq!(findings.len(), 4);
        for (at, one) in findings.iter().enumerate() {
            assert!(findings[..at].iter().all(|other| (&other.reason, &other.hint) != (&one.reason, &one.hint)));
        }
        let file = findings.iter().find(|finding| finding.message.contains("file")).unwrap();
        assert_eq!(file.message, "the gateway password is left behind in the file `ephemeral/a.db`");
        assert!(!file.reason.as_ref().unwrap().contains("log"));
    }

    #[test]
    fn two_files_are_two_findings_and_a_file_that_stays_is_one() {
        let files = ["work/a.txt", "work/b.txt"].map(|path| ScratchFile { path: path.into(), text: SECRET.into() });
        let mut played = logged(&[]);
        played.last().files = files.to_vec();
        let mut played = played.call(Hook::AuthenticationCompleted, crate::trace::Ending::Returned(Observed::None));
        played.last().files = files.to_vec();
        let leaks = played.judge(&store()).into_iter().filter(|finding| finding.rule == Rule::SecretLeak);
        assert_eq!(leaks.map(|finding| finding.call).collect::<Vec<_>>(), [Some(0), Some(0)]);
    }
}
