//! Targets that read what a worker wrote: every plugin can write over it, so any bytes may stand there.

use std::path::Path;

use crate::{
    case::{Session, Value},
    contract::{Hook, Platform, PluginType},
    oracle::{self, PluginUnderTest},
    runtime::{
        BatchReply,
        protocol::{
            control::{ConstructReply, LoadReply},
            shared::NotedAttempt,
            stack,
            wire::{Reader, WireError, Writer},
        },
    },
    trace::{CallTrace, CapturedOutput, Ending, Observation, Observed, Trace},
};

/// How many bytes of text a byte of an observed object can give at most, written as Python would: `\udc80`, and the
/// comma and the space after an item.
const WIDEST: usize = 16;

/// Any bytes are read as what a worker wrote: records or an error, and the same twice. What is read as a session is written
/// and read again as the same; what is read as a reply is judged without a panic. The area of attempts, the reply to the
/// order to load and the stacks of `faulthandler` are read as far as they make sense.
pub fn fuzz_wire(data: &[u8]) {
    if let Ok(session) = Reader::new(data).session() {
        let mut writer = Writer::default();
        writer.session(&session);
        let again = Reader::new(&writer.bytes).session();
        // NaN is not equal to itself, and its bytes are.
        let mut twice = Writer::default();
        again.iter().for_each(|session| twice.session(session));
        assert_eq!(writer.bytes, twice.bytes);
    }
    let _ = Reader::new(data).call();
    let _ = Reader::new(data).value();
    lists(data);
    let read = BatchReply::read(data, None, 1 << 20);
    assert_eq!(format!("{read:?}"), format!("{:?}", BatchReply::read(data, None, 1 << 20)));
    read.complete.iter().chain([&read.partial]).for_each(judged);
    let noted = NotedAttempt::read(data);
    let told: usize = noted.iter().map(|one| one.target.len() + one.stack.len()).sum();
    // A byte that is no UTF-8 becomes a sign of three.
    assert!(told <= 3 * data.len(), "{told} bytes are told of {}", data.len());
    noted.iter().for_each(|one| drop(stack::frames(&one.stack, Path::new("/p"), "/lib/python")));
    stack::frames(&String::from_utf8_lossy(data), Path::new("/p"), "/lib/python");
    let _ = serde_json::from_slice::<LoadReply>(data);
    let _ = serde_json::from_slice::<ConstructReply>(data);
}

/// Lists are read whole or not at all, and written as they were read.
fn lists(data: &[u8]) {
    fn whole<T>(data: &[u8], read: fn(&mut Reader<'_>) -> Result<Vec<T>, WireError>, write: fn(&mut Writer, &[T])) {
        let Ok(items) = read(&mut Reader::new(data)) else { return };
        assert!(items.len() <= data.len(), "each item takes a byte");
        let (mut once, mut twice) = (Writer::default(), Writer::default());
        write(&mut once, &items);
        let again = read(&mut Reader::new(&once.bytes)).expect("what is written here is read here");
        write(&mut twice, &again);
        assert_eq!(once.bytes, twice.bytes);
    }
    whole(data, |reader| reader.attempts(), |writer, items| writer.attempts(items));
    whole(data, |reader| reader.left(), |writer, items| writer.left(items));
    whole(data, |reader| reader.frames(), |writer, items| writer.frames(items));
    whole(data, |reader| reader.edges(), |writer, items| writer.edges(items));
    whole(data, |reader| reader.options(), |writer, items| writer.options(items));
    let _ = Reader::new(data).comparisons();
}

/// A trace that fits no session is judged all the same.
fn judged(watched: &Observation) {
    for plugin_type in [PluginType::CredentialStore, PluginType::Aa] {
        oracle::judge(&subject(plugin_type), &Session::new(Vec::new()), &watched.trace);
    }
}

fn subject(plugin_type: PluginType) -> PluginUnderTest {
    PluginUnderTest::new(plugin_type, Platform::newest(), "", vec!["hunter2".to_owned()], false, None)
}

/// Any bytes are read as an object that a hook returned, or are an error. What is read is written as Python would, goes
/// through JSON and comes out again, and is judged as the result of every hook, within bounds.
pub fn fuzz_observed(data: &[u8]) {
    let mut reader = Reader::new(data);
    let Ok(observed) = reader.observed() else { return };
    assert!(nodes(&observed) <= data.len(), "each object takes a byte");
    let text = observed.to_string();
    // A float or a number of a few bytes has at most some three hundred digits.
    assert!(text.len() <= (WIDEST + 320) * data.len(), "{} bytes are written of {}", text.len(), data.len());
    if let Some(value) = observed.through_json() {
        crossed(&value);
    }
    for &hook in Hook::ALL {
        let types = [PluginType::CredentialStore, PluginType::Aa];
        for plugin_type in types.into_iter().filter(|kind| hook.spec(*kind).is_some()) {
            let trace = Trace { calls: vec![returned(hook, observed.clone())], ..Trace::default() };
            let session = Session::new(vec![crate::case::Call::new(hook, Vec::new())]);
            let findings = oracle::judge(&subject(plugin_type), &session, &trace);
            for finding in findings {
                assert!(!finding.message.is_empty() && finding.message.len() < 16 << 10, "{finding:?}");
                assert!(!finding.message.contains("hunter2"), "a secret is told: {finding:?}");
            }
        }
    }
}

/// What crossed JSON is a value that JSON carries: what is read of it comes back as it went. An int beyond 64 bits is
/// read as a float, once.
fn crossed(value: &Value) {
    let text = serde_json::to_string(value).expect("a value holds nothing that JSON cannot carry");
    match serde_json::from_str::<Value>(&text) {
        Ok(read) => {
            let written = serde_json::to_string(&read).expect("it was read");
            assert_eq!(serde_json::from_str::<Value>(&written).ok(), Some(read), "{text}");
        }
        // It is nested deeper than JSON is read here, which is an error and no loss.
        Err(error) => assert!(error.to_string().contains("recursion limit"), "{error}: {text}"),
    }
}

fn nodes(observed: &Observed) -> usize {
    match observed {
        Observed::List(items) | Observed::Tuple(items) | Observed::Set(items) => {
            1 + items.iter().map(nodes).sum::<usize>()
        }
        Observed::Dict(entries) => 1 + entries.iter().map(|(key, value)| nodes(key) + nodes(value)).sum::<usize>(),
        _ => 1,
    }
}

fn returned(hook: Hook, result: Observed) -> CallTrace {
    CallTrace {
        call: 0,
        round: 0,
        hook,
        answer_is_secret: false,
        ending: Ending::Returned(result),
        stdout: CapturedOutput::default(),
        stderr: CapturedOutput::default(),
        elapsed: std::time::Duration::ZERO,
        files: Vec::new(),
        attempts: Vec::new(),
        leftovers: Vec::new(),
    }
}
