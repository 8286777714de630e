//! Targets that read what a worker wrote. A plugin can overwrite it, so it may be any bytes.

use std::path::Path;

use crate::{
    case::{Session, Value},
    contract::{Hook, Platform, PluginType},
    oracle::{self, PluginUnderTest},
    runtime::{
        BatchReply,
        protocol::{
            loading::{ConstructReply, LoadReply},
            shared::NotedAttempt,
            stack,
            wire::{Reader, WireError, Writer},
        },
    },
    trace::{CallTrace, CapturedOutput, Ending, Observation, Observed, Trace},
};

/// The most bytes of Python text for one byte of an observed object: `\udc80`, and the comma and the space after an
/// item.
const WIDEST: usize = 16;

/// Any bytes are read as records of a worker or refused, the same way twice. A session stays the same when it is
/// written and read again. A reply is judged without a panic. The area of attempts, the reply to a request to load and
/// the stacks of `faulthandler` are read as far as they are valid.
pub(super) fn wire(data: &[u8]) {
    if let Ok(session) = Reader::new(data).session() {
        let mut writer = Writer::default();
        writer.session(&session);
        let again = Reader::new(&writer.bytes).session();
        // NaN is not equal to itself, but its bytes are.
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
    let read_bytes: usize = noted.iter().map(|one| one.target.len() + one.stack.len()).sum();
    // A byte that is not UTF-8 becomes a character of three bytes.
    assert!(read_bytes <= 3 * data.len(), "{read_bytes} bytes were read from {}", data.len());
    noted.iter().for_each(|one| drop(stack::frames(&one.stack, Path::new("/p"), "/lib/python")));
    stack::frames(&String::from_utf8_lossy(data), Path::new("/p"), "/lib/python");
    let _ = serde_json::from_slice::<LoadReply>(data);
    let _ = serde_json::from_slice::<ConstructReply>(data);
}

/// A list is read whole or refused, and stays the same when it is written again.
fn lists(data: &[u8]) {
    fn whole<T>(data: &[u8], read: fn(&mut Reader<'_>) -> Result<Vec<T>, WireError>, write: fn(&mut Writer, &[T])) {
        let Ok(items) = read(&mut Reader::new(data)) else { return };
        assert!(items.len() <= data.len(), "each item takes a byte");
        let (mut once, mut twice) = (Writer::default(), Writer::default());
        write(&mut once, &items);
        let again = read(&mut Reader::new(&once.bytes)).expect("a written list can be read");
        write(&mut twice, &again);
        assert_eq!(once.bytes, twice.bytes);
    }
    whole(data, |reader| reader.attempts(), |writer, items| writer.attempts(items));
    whole(data, |reader| reader.leftovers(), |writer, items| writer.leftovers(items));
    whole(data, |reader| reader.frames(), |writer, items| writer.frames(items));
    whole(data, |reader| reader.edges(), |writer, items| writer.edges(items));
    whole(data, |reader| reader.options(), |writer, items| writer.options(items));
    let _ = Reader::new(data).comparisons();
}

/// A trace that fits no session is judged too.
fn judged(observation: &Observation) {
    for plugin_type in [PluginType::CredentialStore, PluginType::Aa] {
        oracle::judge(&subject(plugin_type), &Session::new(Vec::new()), &observation.trace);
    }
}

fn subject(plugin_type: PluginType) -> PluginUnderTest {
    PluginUnderTest::new(plugin_type, Platform::newest(), "", vec!["hunter2".to_owned()], false, None)
}

/// Any bytes are read as an object that a hook returned, or refused. The object has a Python text, crosses JSON, and is
/// judged as the result of every hook, all within bounds.
pub(super) fn observed(data: &[u8]) {
    let mut reader = Reader::new(data);
    let Ok(observed) = reader.observed() else { return };
    assert!(nodes(&observed) <= data.len(), "each object takes a byte");
    let text = observed.to_string();
    // A float or an int of a few bytes has at most about 300 digits.
    assert!(text.len() <= (WIDEST + 320) * data.len(), "{} bytes of text for {}", text.len(), data.len());
    if let Some(value) = observed.through_json() {
        stays_the_same(&value);
    }
    for &hook in Hook::ALL {
        let types = [PluginType::CredentialStore, PluginType::Aa];
        for plugin_type in types.into_iter().filter(|kind| hook.spec(*kind).is_some()) {
            let trace = Trace { calls: vec![returned(hook, observed.clone())], ..Trace::default() };
            let session = Session::new(vec![crate::case::Call::new(hook, Vec::new())]);
            let findings = oracle::judge(&subject(plugin_type), &session, &trace);
            for finding in findings {
                assert!(!finding.message.is_empty() && finding.message.len() < 16 << 10, "{finding:?}");
                assert!(!finding.message.contains("hunter2"), "a message contains a secret: {finding:?}");
            }
        }
    }
}

/// A value that crossed JSON crosses it again unchanged. An int beyond 64 bits becomes a float the first time.
fn stays_the_same(value: &Value) {
    let text = serde_json::to_string(value).expect("JSON carries every value");
    match serde_json::from_str::<Value>(&text) {
        Ok(read) => {
            let written = serde_json::to_string(&read).expect("JSON carries every value");
            assert_eq!(serde_json::from_str::<Value>(&written).ok(), Some(read), "{text}");
        }
        // serde_json refuses values that are nested too deep.
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
        changed_types: Vec::new(),
    }
}
