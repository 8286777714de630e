//! Runs sessions and single calls in a child of the zygote.

use std::{
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use hookstorm::{
    case::{Session, Value},
    runtime::{
        protocol::{
            control::{command, reply},
            session_flow::{CallOutcome, SessionFlow, Step},
            shared::{Phase, flag, now_ns},
            stack,
            wire::{REPLY_OBJECTS, Reader, WireError, Writer, ending, record, tag},
        },
        sandbox::SessionFolders,
    },
    trace::{Attempt, CallUsage, CookieValue, Observed},
};
use pyo3::prelude::*;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{RecvFlags, SendFlags},
};

use crate::{
    Descriptors,
    call::{self, CallContext},
    convert,
    fork_guard::ForkGuard,
    interpreter,
    plugin::{self, Plugin},
    probe,
    resources::ResourceTracker,
    services, usage,
};

/// A batch ends early when the reply area has less room left, in bytes.
const LEAST_ROOM: usize = 8 << 20;
/// How many of a batch's objects are kept free for what is no result: frames, files, changes.
const RESERVED_OBJECTS: usize = REPLY_OBJECTS / 4;
/// A runner that has grown by so many bytes exits, and a new one takes its place.
const GROWTH_LIMIT: u64 = 128 << 20;
/// How many bytes most endings of calls need, and what is written beside them.
const ENDING_BYTES: usize = 2 << 10;
/// How often a runner that is measured reports what it uses: reading that costs more than a small call.
const USAGE_INTERVAL: Duration = Duration::from_millis(100);

/// Runs sessions and calls.
pub(crate) struct Runner<'a, 'py> {
    py: Python<'py>,
    descriptors: &'a mut Descriptors,
    plugin: Plugin,
    folders: SessionFolders,
    own: ForkGuard,
    resources: ResourceTracker,
    /// The sizes of standard output and error at the end of the last call, where those of the next one begin.
    output_at: (u64, u64),
    /// When it last reported what this process uses.
    usage_at: Option<Instant>,
    /// How many objects the batch may still write.
    objects_left: usize,
}

/// The cookies that go from call to call.
struct Cookies<'py> {
    cookie: Bound<'py, PyAny>,
    session_cookie: Bound<'py, PyAny>,
}

impl<'py> Cookies<'py> {
    fn new(py: Python<'py>, cookie: &Value, session_cookie: &Value) -> PyResult<Self> {
        Ok(Self { cookie: convert::to_python(py, cookie)?, session_cookie: convert::to_python(py, session_cookie)? })
    }
}

/// The one call in the request area.
struct SingleCall {
    step: Step,
    answered: Vec<(String, String)>,
    /// The session with this call alone.
    session: Session,
}

impl SingleCall {
    fn read(request: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(request);
        let (call, round) = (reader.number()? as usize, reader.number()? as usize);
        let answer_is_secret = reader.byte()? != 0;
        let cookie = reader.value()?;
        let session_cookie = reader.value()?;
        let options = reader.options()?;
        let services = reader.value()?;
        let mut answered = Vec::new();
        for _ in 0..reader.count()? {
            answered.push((reader.text()?.to_owned(), reader.text()?.to_owned()));
        }
        let session = Session { cookie, session_cookie, options, services, calls: vec![reader.call()?] };
        Ok(Self { step: Step { call, round, answer_is_secret }, answered, session })
    }
}

impl<'a, 'py> Runner<'a, 'py> {
    /// A runner in this process.
    pub(crate) fn new(
        py: Python<'py>,
        descriptors: &'a mut Descriptors,
        plugin: Plugin,
        folders: SessionFolders,
    ) -> std::io::Result<Self> {
        let own = ForkGuard::new()?;
        let resources = ResourceTracker::new(py);
        let objects_left = Observed::NODES_LIMIT;
        Ok(Self { py, descriptors, plugin, folders, own, resources, output_at: (0, 0), usage_at: None, objects_left })
    }

    /// Notes where the output of the next call begins.
    pub(crate) fn note_output(&mut self) {
        self.output_at = (self.descriptors.stdout.size(), self.descriptors.stderr.size());
    }

    /// Makes the one call in the request area, and returns the exit status.
    pub(crate) fn single_call(&mut self) -> i32 {
        let request = self.descriptors.shared.read_request();
        let Ok(SingleCall { step, answered, session }) = SingleCall::read(&request) else { return 3 };
        let Ok(mut cookies) = Cookies::new(self.py, &session.cookie, &session.session_cookie) else { return 3 };
        let marks_lines = self.descriptors.shared.header().flags.load(Ordering::Relaxed) & flag::LINES != 0;
        if let Some(coverage) = self.plugin.coverage.as_mut().filter(|_| marks_lines) {
            coverage.begin_session(true);
        }
        self.folders.set_used(self.descriptors.shared.header().scratch_used.load(Ordering::Relaxed) != 0);
        self.folders.expect(&session.services);
        self.folders.fill_appliance(&session.services);
        // Filling the services runs no code of the plugin, unless the plugin replaced something of theirs.
        self.begin(&session, step.call, step.round);
        if services::begin(self.py, &session.services, Some(self.folders.root())).is_err() {
            return 3;
        }
        self.call(&session, 0, step, &answered, &mut cookies);
        let header = self.descriptors.shared.header();
        header.scratch_used.store(u32::from(self.folders.is_used()), Ordering::Relaxed);
        // If the plugin made this impossible, its next call finds an empty cache.
        plugin::begin_phase(self.descriptors, Phase::After);
        let _ = services::write_memory_cache(self.py, self.folders.root());
        plugin::end_phase(self.descriptors);
        0
    }

    /// Notes that the call that comes first runs now.
    fn begin(&self, session: &Session, call: usize, round: usize) {
        let header = self.descriptors.shared.header();
        header.call.store(call as u32, Ordering::Relaxed);
        header.round.store(round as u32, Ordering::Relaxed);
        header.hook.store(session.calls.first().map_or(0, |call| call.hook as u32), Ordering::Relaxed);
        plugin::begin_phase(self.descriptors, Phase::Call);
    }

    fn reply(&self, reply: u8) {
        while let Err(Errno::INTR) = rustix::net::send(&self.descriptors.data, &[reply], SendFlags::NOSIGNAL) {}
    }

    /// Runs batches until the host is gone or this process has to be replaced. Returns the exit status.
    pub(crate) fn batches(&mut self) -> i32 {
        let size_at_start = usage::address_space();
        loop {
            let mut packet = [0_u8; 16];
            match rustix::net::recv(&self.descriptors.data, &mut packet, RecvFlags::empty()) {
                Ok((1, _)) if packet[0] == command::BATCH => {}
                Err(Errno::INTR) => continue,
                // An earlier process of the plugin made this socket, which all of them share, non-blocking.
                Err(Errno::AGAIN) => {
                    let _ = poll(&mut [PollFd::new(&self.descriptors.data, PollFlags::IN)], None);
                    continue;
                }
                _ => return 0,
            }
            let flags = self.descriptors.shared.header().flags.load(Ordering::Relaxed);
            let Ok(mut retires) = self.batch(flags) else { return 3 };
            // The next batch must run in this process too if state is kept.
            retires |= flags & flag::KEEP_STATE == 0 && usage::address_space() > size_at_start + GROWTH_LIMIT;
            self.reply(if retires { reply::RETIRED } else { reply::DONE });
            if retires {
                return 0;
            }
            // The host has read the output by now; the next session's output begins at the front.
            for capture in [&self.descriptors.stdout, &self.descriptors.stderr] {
                if capture.size() > 1 << 20 {
                    capture.clear();
                }
            }
            self.note_output();
        }
    }

    /// Runs the batch in the request area, or as much of it as fits into the reply. Returns whether this process has to
    /// be replaced.
    fn batch(&mut self, flags: u32) -> Result<bool, WireError> {
        let request = self.descriptors.shared.read_request();
        let mut reader = Reader::new(&request);
        self.objects_left = REPLY_OBJECTS - RESERVED_OBJECTS;
        for index in 0..reader.count()? {
            let session = reader.session()?;
            self.descriptors.shared.header().session.store(index as u32, Ordering::Relaxed);
            let changed = self.session(&session, flags);
            self.descriptors.shared.header().sessions_done.store(index as u32 + 1, Ordering::Release);
            if changed && flags & flag::KEEP_STATE == 0 {
                return Ok(true);
            }
            if self.descriptors.shared.reply_room() < LEAST_ROOM || self.objects_left < Observed::NODES_LIMIT / 2 {
                break;
            }
        }
        Ok(false)
    }

    /// Runs a session in this process; bits of [`flag`] say how. Returns whether it left state that may carry over.
    fn session(&mut self, session: &Session, flags: u32) -> bool {
        let Ok(mut cookies) = Cookies::new(self.py, &session.cookie, &session.session_cookie) else { return true };
        self.folders.fill(&session.services);
        self.folders.fill_appliance(&session.services);
        self.begin(session, 0, 0);
        let has_begun = services::begin(self.py, &session.services, None).is_ok();
        plugin::end_phase(self.descriptors);
        if !has_begun {
            return true;
        }
        if let Some(coverage) = &mut self.plugin.coverage {
            // A session whose comparisons are wanted has its lines marked in any case.
            coverage.begin_session(flags & flag::COMPARISONS != 0);
        }
        probe::begin(flags);
        let mut flow = SessionFlow::default();
        while let Some(step) = flow.step(session) {
            let answered = std::mem::take(&mut flow.answered);
            let outcome = self.call(session, step.call, step, &answered, &mut cookies);
            flow.answered = answered;
            flow.ended(session, outcome);
        }
        let mut writer = Writer::default();
        let edges = probe::end(flags, &mut writer);
        if let Some(coverage) = &mut self.plugin.coverage {
            coverage.end_session();
        }
        let is_measured = flags & flag::USAGE != 0;
        let (changes, is_as_before) = self.changes(session, flags);
        if is_measured && self.usage_at.is_none_or(|at| at.elapsed() >= USAGE_INTERVAL) {
            self.usage_at = Some(Instant::now());
            writer.process_usage(&usage::of_process());
        }
        writer.byte(record::SESSION);
        writer.number(changes.len() as u64);
        for change in &changes {
            writer.blob(change.as_bytes());
        }
        self.objects_left = convert::observe(&mut writer, &cookies.cookie, self.objects_left);
        self.objects_left = convert::observe(&mut writer, &cookies.session_cookie, self.objects_left);
        if !self.descriptors.shared.append_reply(&writer.bytes) {
            return true;
        }
        self.descriptors.shared.mark_seen(&edges);
        !is_as_before || self.resources.found_leftovers()
    }

    /// Restores what a session changed, unless state is kept. Returns the names of what it changed, and whether all of
    /// that is as it was before.
    fn changes(&mut self, session: &Session, flags: u32) -> (Vec<String>, bool) {
        // None of this is the plugin's code, unless the plugin replaced something of Python's.
        plugin::begin_phase(self.descriptors, Phase::After);
        let are_services_whole = services::end(self.py, &session.services);
        // The more state a plugin has, the longer this takes, and it must not count as the plugin's time.
        let (mut changes, mut is_as_before) = if flags & flag::USAGE != 0 {
            (Vec::new(), true)
        } else {
            self.plugin.state.after_session(self.py, flags & flag::KEEP_STATE != 0)
        };
        if !are_services_whole {
            changes.push("the platform's services".into());
            is_as_before = false;
        }
        if !self.folders.clear() {
            // The host starts a new worker with new folders.
            self.descriptors.shared.header().scratch_used.store(2, Ordering::Relaxed);
            changes.push("the scratch folder".into());
            is_as_before = false;
        }
        plugin::end_phase(self.descriptors);
        self.leave_if_forked();
        (changes, is_as_before)
    }

    /// Exits if the plugin forked and this is the child, which has returned from the plugin's code. The host knows
    /// nothing of it.
    fn leave_if_forked(&self) {
        if !self.own.is_here() {
            interpreter::leave(0);
        }
    }

    /// What the call that ended has tried.
    fn attempts(&self) -> Vec<Attempt> {
        if !self.descriptors.shared.has_attempts() {
            return Vec::new();
        }
        let origins = &self.plugin.origins;
        stack::attempts(&self.descriptors.shared, Path::new(&origins.root), &origins.standard_library)
    }

    /// Makes the call at `index` of the session and writes what it showed. `step` is what the host calls it.
    fn call(
        &mut self,
        session: &Session,
        index: usize,
        step: Step,
        answered: &[(String, String)],
        cookies: &mut Cookies<'py>,
    ) -> CallOutcome {
        let call = &session.calls[index];
        let header = self.descriptors.shared.header();
        header.call.store(step.call as u32, Ordering::Relaxed);
        header.round.store(step.round as u32, Ordering::Relaxed);
        header.hook.store(call.hook as u32, Ordering::Relaxed);
        header.answer_is_secret.store(u32::from(step.answer_is_secret), Ordering::Relaxed);
        // The plugin gets copies: only what it returns goes to the next call.
        let copy = |cookie: &Bound<'py, PyAny>| convert::through_json(cookie).unwrap_or_else(|_| cookie.clone());
        let context =
            CallContext { cookie: copy(&cookies.cookie), session_cookie: copy(&cookies.session_cookie), answered };
        let mut ending = Writer { bytes: Vec::with_capacity(ENDING_BYTES) };
        header.stdout_start.store(self.output_at.0, Ordering::Relaxed);
        header.stderr_start.store(self.output_at.1, Ordering::Relaxed);
        let measures = header.flags.load(Ordering::Relaxed) & flag::USAGE != 0;
        let cpu_before = measures.then(usage::cpu);
        self.descriptors.shared.clear_attempts();
        if !measures {
            self.resources.call_begins();
        }
        let since_ns = plugin::begin_phase(self.descriptors, Phase::Call);
        let objects_left = &mut self.objects_left;
        let result = call::make(self.py, &mut self.plugin, call, &session.options, context, &mut ending, objects_left);
        self.leave_if_forked();
        let elapsed_ns = now_ns() - since_ns;
        plugin::end_phase(self.descriptors);
        self.write_call(call.hook as u8, step, elapsed_ns, &ending, &result.changed_types, measures);
        if let Some(before) = cpu_before {
            let cpu = usage::cpu().saturating_sub(before);
            let mut writer = Writer::default();
            writer.call_usage(&CallUsage { began_ns: since_ns, cpu, peak_bytes: usage::peak_bytes() });
            self.descriptors.shared.append_reply(&writer.bytes);
        }
        if call.cut_off {
            if let Ok(empty) = Cookies::new(self.py, &Value::empty_dict(), &Value::empty_dict()) {
                *cookies = empty;
            }
            return CallOutcome::Continue;
        }
        if let Some(cookie) = result.cookie {
            cookies.cookie = cookie;
        }
        if let Some(session_cookie) = result.session_cookie {
            cookies.session_cookie = session_cookie;
        }
        result.outcome
    }

    /// Writes the record of a call that ended; `ending` is already written.
    fn write_call(
        &mut self,
        hook: u8,
        step: Step,
        elapsed_ns: u64,
        ending: &Writer,
        changed_types: &[CookieValue],
        measures: bool,
    ) {
        let leftovers = if measures {
            // Looking for them would count as the plugin's time.
            Vec::new()
        } else {
            self.resources.call_ended(self.py, self.descriptors, &self.plugin.origins)
        };
        // The garbage collector may have run code that forks.
        self.leave_if_forked();
        let mut writer = Writer { bytes: Vec::with_capacity(ending.bytes.len() + ENDING_BYTES) };
        writer.byte(record::CALL);
        writer.number(step.call as u64);
        writer.number(step.round as u64);
        writer.byte(hook);
        writer.byte(u8::from(step.answer_is_secret));
        writer.number(elapsed_ns);
        let beginning = writer.bytes.len();
        writer.bytes.extend_from_slice(&ending.bytes);
        let (stdout_start, stderr_start) = self.output_at;
        self.note_output();
        writer.output(&self.descriptors.stdout.read(stdout_start, self.output_at.0));
        let mut stderr = self.descriptors.stderr.read(stderr_start, self.output_at.1);
        if let Some(log) = &self.plugin.log {
            stderr.records = log.take(stderr_start, &self.plugin.origins);
        }
        writer.output(&stderr);
        let files = self.folders.files();
        writer.number(files.len() as u64);
        for file in &files {
            writer.blob(file.path.as_bytes());
            writer.blob(file.text.as_bytes());
        }
        writer.attempts(&self.attempts());
        writer.leftovers(&leftovers);
        writer.cookie_values(changed_types);
        if !self.descriptors.shared.append_reply(&writer.bytes) {
            // It is larger than the area. So the record says that the call returned, but not what.
            writer.bytes.truncate(beginning);
            writer.byte(ending::RETURNED);
            writer.byte(tag::TRUNCATED);
            writer.bytes.extend_from_slice(&[0; 10]);
            self.descriptors.shared.append_reply(&writer.bytes);
        }
    }
}
