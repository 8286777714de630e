//! Builders for sessions and traces that tests write by hand.

use std::time::Duration;

use crate::{
    case::{Call, Session, Value},
    contract::{Argument, Hook, Platform, PluginType},
    finding::{Finding, Rule},
    oracle::{PluginUnderTest, judge},
    trace::{CallTrace, CapturedOutput, Ending, Exception, Frame, Observed, Origin, Trace},
};

pub(super) fn store() -> PluginUnderTest {
    PluginUnderTest::new(PluginType::CredentialStore, Platform::newest(), "", Vec::new(), false, None)
}

pub(super) fn aa() -> PluginUnderTest {
    PluginUnderTest::new(PluginType::Aa, Platform::newest(), "", Vec::new(), false, None)
}

pub(super) fn text(text: &str) -> Observed {
    Observed::Str(text.into())
}

pub(super) fn list<const N: usize>(items: [Observed; N]) -> Observed {
    Observed::List(items.into())
}

pub(super) fn tuple<const N: usize>(items: [Observed; N]) -> Observed {
    Observed::Tuple(items.into())
}

pub(super) fn dict<const N: usize>(entries: [(&str, Observed); N]) -> Observed {
    Observed::Dict(entries.into_iter().map(|(key, value)| (text(key), value)).collect())
}

/// A frame in the plugin's own `main.py`.
pub(super) fn frame(function: &str, line: u32) -> Frame {
    Frame { origin: Origin::Plugin, file: "main.py".into(), function: function.into(), line }
}

/// A frame in the SDK.
pub(super) fn sdk_frame(function: &str) -> Frame {
    let file = "/venv/lib/python3.11/site-packages/safeguard/sessions/plugin/plugin_base.py".into();
    Frame { origin: Origin::Other, file, function: function.into(), line: 1 }
}

pub(super) fn exception(type_name: &str, message: &str, frames: Vec<Frame>) -> Exception {
    Exception { type_name: type_name.into(), message: message.into(), frames, ..Exception::default() }
}

pub(super) fn raised(type_name: &str, message: &str, frames: Vec<Frame>) -> Ending {
    Ending::Raised(exception(type_name, message, frames))
}

pub(super) fn output(text: &str) -> CapturedOutput {
    CapturedOutput { text: text.into(), bytes: text.len() as u64, records: Vec::new() }
}

/// A session and its trace, built call by call.
#[derive(Clone)]
pub(super) struct Played {
    pub(super) session: Session,
    pub(super) trace: Trace,
}

impl Played {
    pub(super) fn new() -> Self {
        let trace = Trace { cookie: Value::empty_dict(), session_cookie: Value::empty_dict(), ..Trace::default() };
        Self { session: Session::new(Vec::new()), trace }
    }

    /// One call that returned.
    pub(super) fn returned(hook: Hook, result: Observed) -> Self {
        Self::new().call(hook, Ending::Returned(result))
    }

    /// One more call.
    pub(super) fn call(mut self, hook: Hook, ending: Ending) -> Self {
        let call = self.session.calls.len();
        self.session.calls.push(Call::new(hook, Vec::new()));
        self.trace.calls.push(CallTrace {
            call,
            round: 0,
            hook,
            answer_is_secret: false,
            ending,
            stdout: CapturedOutput::default(),
            stderr: CapturedOutput::default(),
            elapsed: Duration::ZERO,
            files: Vec::new(),
            attempts: Vec::new(),
            leftovers: Vec::new(),
            changed_types: Vec::new(),
        });
        self
    }

    /// The last call once more, with an answer.
    pub(super) fn answered(mut self, answer: &str, is_secret: bool, ending: Ending) -> Self {
        let call = self.session.calls.last_mut().expect("a call was made");
        call.answers.push(answer.into());
        let last = self.trace.calls.last().expect("a call was made").clone();
        self.trace.calls.push(CallTrace { round: last.round + 1, answer_is_secret: is_secret, ending, ..last });
        self
    }

    /// An argument of the last call.
    pub(super) fn with(mut self, argument: Argument, value: impl Into<Value>) -> Self {
        self.session.calls.last_mut().expect("a call was made").arguments.push((argument, value.into()));
        self
    }

    /// What the last call wrote to standard error.
    pub(super) fn stderr(mut self, text: &str) -> Self {
        self.last().stderr = output(text);
        self
    }

    pub(super) fn last(&mut self) -> &mut CallTrace {
        self.trace.calls.last_mut().expect("a call was made")
    }

    pub(super) fn judge(&self, plugin: &PluginUnderTest) -> Vec<Finding> {
        judge(plugin, &self.session, &self.trace)
    }

    /// The rules and messages of all findings.
    pub(super) fn said(&self, plugin: &PluginUnderTest) -> Vec<(Rule, String)> {
        self.judge(plugin).into_iter().map(|finding| (finding.rule, finding.message)).collect()
    }

    /// The only finding.
    #[track_caller]
    pub(super) fn only(&self, plugin: &PluginUnderTest) -> Finding {
        let mut findings = self.judge(plugin);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        findings.remove(0)
    }

    #[track_caller]
    pub(super) fn silent(&self, plugin: &PluginUnderTest) {
        assert_eq!(self.judge(plugin), Vec::new());
    }
}
