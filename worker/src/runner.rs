//! The children of the zygote: a runner, which runs batches of sessions, and the children of one call or of one
//! construction.

use std::{
    os::fd::OwnedFd,
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use hookstorm::{
    case::{Session, Value},
    runtime::{
        protocol::{
            control::{ConstructReply, LoadRequest, command, reply},
            flow::{After, Flow},
            shared::{Phase, flag, now_ns},
            stack,
            wire::{REPLY_THINGS, Reader, Writer, record},
        },
        sandbox::scratch::Scratch,
    },
    trace::{Attempt, CallUsage, Observed},
};
use pyo3::prelude::*;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{RecvFlags, SendFlags},
};

use crate::{
    Descriptors, audit,
    call::{self, Given},
    convert,
    exception::{self, Left},
    interpreter,
    left::Instrumentation,
    plugin::{self, Plugin, hook_seen},
    probe, services, usage,
};

/// A batch is cut short when the reply area has less room than this left.
const ROOM: usize = 8 << 20;
/// How many of a batch's things are kept free for what is no result: frames, files, changes.
const ROOM_FOR_THINGS: usize = REPLY_THINGS / 4;
/// A runner that has grown by this much ends, and a fresh one takes its place.
const GROWTH_LIMIT: u64 = 128 << 20;

/// How often a runner that is measured tells what it holds: reading that costs more than a small call.
const HELD_EVERY: Duration = Duration::from_millis(100);

/// What a child is forked for.
pub(crate) struct Order {
    /// One of [`order`].
    pub(crate) kind: u8,
    /// The zygote's address space, to which the limit is added.
    pub(crate) address_space: u64,
    /// Where a byte comes when the call may begin: for a child that was forked before there was one.
    pub(crate) go: Option<OwnedFd>,
}

/// What a child does. Gives its exit status.
pub(crate) fn main(
    py: Python<'_>,
    descriptors: &mut Descriptors,
    request: &LoadRequest,
    plugin: Option<Plugin>,
    scratch: Scratch,
    order: Order,
) -> i32 {
    let Order { kind, address_space, go } = order;
    audit::is_own_from_here();
    // Who ends his group ends himself, and nobody else of us.
    let _ = rustix::process::setpgid(None, None);
    if let Ok(runner) = interpreter::bootstrap(py).and_then(|bootstrap| bootstrap.getattr("runner")) {
        let _ = runner.set_item(0, std::process::id());
    }
    close_what_is_not_needed(descriptors, kind);
    limit_memory(descriptors, address_space);
    let mut load = None;
    let plugin = plugin.or_else(|| {
        let (plugin, reply) = Plugin::load(py, descriptors, request);
        load = Some(reply);
        plugin
    });
    if kind == command::CONSTRUCT {
        return construct(py, descriptors, plugin, request, load);
    }
    let Some(plugin) = plugin else { return 3 };
    let Ok(own) = OnlyHere::new() else { return 3 };
    let left = Instrumentation::begin(py);
    // Never dropped: this process ends with it, and the plugin may have closed the descriptors that it holds.
    let mut runner = std::mem::ManuallyDrop::new(Runner {
        py,
        descriptors,
        plugin,
        scratch,
        own,
        left,
        output_at: (0, 0),
        held_at: None,
        things: Observed::NODES_LIMIT,
    });
    // It stays open: a descriptor that comes or goes is looked into.
    if let Some(go) = &go {
        let mut byte = [0_u8; 1];
        loop {
            match rustix::io::read(go, &mut byte) {
                Ok(1) => break,
                Err(Errno::INTR) => {}
                _ => return 0,
            }
        }
    }
    runner.output_at = (runner.descriptors.stdout.size(), runner.descriptors.stderr.size());
    match kind {
        command::CALL => runner.single(),
        command::RUNNER => runner.batches(),
        _ => 3,
    }
}

/// Puts `/dev/null` in the place of the sockets that this child has no use for: a plugin that writes to descriptors at
/// random, or reads from them, must not speak for the zygote.
fn close_what_is_not_needed(descriptors: &mut Descriptors, kind: u8) {
    use std::os::fd::AsFd;
    let null = std::io::stdin();
    let _ = rustix::io::dup3(null.as_fd(), &mut descriptors.control, rustix::io::DupFlags::CLOEXEC);
    if kind != command::RUNNER {
        let _ = rustix::io::dup3(null.as_fd(), &mut descriptors.data, rustix::io::DupFlags::CLOEXEC);
    }
}

fn limit_memory(descriptors: &Descriptors, address_space: u64) {
    let memory_bytes = descriptors.shared.header().memory_bytes.load(Ordering::Relaxed);
    if memory_bytes == 0 {
        return;
    }
    let limit = address_space.saturating_add(memory_bytes);
    let _ = rustix::process::setrlimit(
        rustix::process::Resource::As,
        rustix::process::Rlimit { current: Some(limit), maximum: Some(limit) },
    );
}

/// The size of this process's address space in bytes.
pub(crate) fn address_space() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

fn construct(
    py: Python<'_>,
    descriptors: &mut Descriptors,
    plugin: Option<Plugin>,
    request: &LoadRequest,
    load: Option<hookstorm::runtime::protocol::control::LoadReply>,
) -> i32 {
    let mut reply = ConstructReply { load, ..ConstructReply::default() };
    if let Some(mut plugin) = plugin {
        let _ = services::begin(py, &request.services, None);
        plugin::enter(descriptors, Phase::Construct);
        let own = std::process::id();
        let instance = plugin.construct(py, &[]);
        if std::process::id() != own {
            // A child of the plugin's.
            interpreter::leave(0);
        }
        match instance {
            Ok(instance) => {
                for name in &request.hooks {
                    let Some(hook) = hookstorm::contract::Hook::named(name) else { continue };
                    let on_class = hook_seen(plugin.class.bind(py), hook, &plugin.origins).ok().flatten().is_some();
                    if !on_class && instance.getattr(hook.name()).is_ok_and(|own| own.is_callable()) {
                        reply.more_hooks.push(hookstorm::runtime::protocol::control::HookReply {
                            name: name.clone(),
                            callable: true,
                            parameters: Vec::new(),
                            takes_any: true,
                            frame: None,
                        });
                    }
                }
            }
            Err(error) => match exception::read(py, &error, &plugin.origins, true) {
                Left::Raised(exception) => reply.raised = Some(exception),
                Left::Exited(status, frames) => reply.exited = Some((status, frames)),
                Left::OutOfMemory(frames) => {
                    reply.raised = Some(hookstorm::trace::Exception {
                        type_name: "MemoryError".into(),
                        frames,
                        in_constructor: true,
                        ..Default::default()
                    });
                }
            },
        }
        plugin::leave(descriptors);
    }
    descriptors.shared.clear_reply();
    match serde_json::to_vec(&reply) {
        Ok(json) if descriptors.shared.append_reply(&json) => 0,
        _ => 3,
    }
}

struct Runner<'a, 'py> {
    py: Python<'py>,
    descriptors: &'a mut Descriptors,
    plugin: Plugin,
    scratch: Scratch,
    own: OnlyHere,
    /// Tells what calls leave behind.
    left: Instrumentation,
    /// How much was written to standard output and error by the end of the last call: where the next one begins.
    output_at: (u64, u64),
    /// When last it was told what this process holds.
    held_at: Option<Instant>,
    /// How many objects the batch may still tell.
    things: usize,
}

/// A mark that a child of this process does not have.
struct OnlyHere(*mut u8);

impl OnlyHere {
    /// Marks this process.
    fn new() -> std::io::Result<Self> {
        use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};
        let size = rustix::param::page_size();
        // SAFETY: a new mapping at an address of the kernel's choice; the page is ours and stays for good.
        unsafe {
            let page =
                mmap_anonymous(std::ptr::null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)?;
            madvise(page, size, Advice::LinuxWipeOnFork)?;
            page.cast::<u8>().write_volatile(1);
            Ok(Self(page.cast()))
        }
    }

    /// Whether this is the process that was marked. A child finds the page empty.
    fn is_here(&self) -> bool {
        // SAFETY: the page stays mapped, here and in children.
        unsafe { self.0.read_volatile() == 1 }
    }
}

/// What is carried from call to call.
struct Carried<'py> {
    cookie: Bound<'py, PyAny>,
    session_cookie: Bound<'py, PyAny>,
}

impl<'py> Runner<'_, 'py> {
    /// Makes the one call in the request area.
    fn single(&mut self) -> i32 {
        let request = self.descriptors.shared.read_request();
        let mut reader = Reader::new(&request);
        let read = |reader: &mut Reader<'_>| {
            let index = reader.number()?;
            let round = reader.number()?;
            let secret = reader.byte()? != 0;
            let cookie = reader.value()?;
            let session_cookie = reader.value()?;
            let options = reader.options()?;
            let services = reader.value()?;
            let mut answered = Vec::new();
            for _ in 0..reader.count()? {
                answered.push((reader.text()?.to_owned(), reader.text()?.to_owned()));
            }
            let call = reader.call()?;
            let session = Session { cookie, session_cookie, options, services, calls: vec![call] };
            Ok::<_, hookstorm::runtime::protocol::wire::WireError>((index, round, secret, answered, session))
        };
        let Ok((index, round, secret, answered, session)) = read(&mut reader) else { return 3 };
        let Ok(mut carried) = self.carried(&session) else { return 3 };
        let marks_lines = self.descriptors.shared.header().flags.load(Ordering::Relaxed) & flag::LINES != 0;
        if let Some(coverage) = self.plugin.coverage.as_mut().filter(|_| marks_lines) {
            coverage.session_begins(true);
        }
        self.scratch.set_used(self.descriptors.shared.header().scratch_used.load(Ordering::Relaxed) != 0);
        self.scratch.given(&session.services);
        // What fills the services runs no code of the plugin's, unless it put itself there.
        self.begins(&session, index as usize, round as usize);
        if services::begin(self.py, &session.services, Some(self.scratch.root())).is_err() {
            return 3;
        }
        self.call(&session, 0, (index as usize, round as usize, secret), &answered, &mut carried);
        let header = self.descriptors.shared.header();
        header.scratch_used.store(u32::from(self.scratch.is_used()), Ordering::Relaxed);
        // Where the plugin made that impossible, its next call finds an empty cache.
        plugin::enter(self.descriptors, Phase::After);
        let _ = services::carry(self.py, self.scratch.root());
        plugin::leave(self.descriptors);
        0
    }

    /// Takes it that what runs now is the call that comes first.
    fn begins(&self, session: &Session, index: usize, round: usize) {
        let header = self.descriptors.shared.header();
        header.call.store(index as u32, Ordering::Relaxed);
        header.round.store(round as u32, Ordering::Relaxed);
        header.hook.store(session.calls.first().map_or(0, |call| call.hook as u32), Ordering::Relaxed);
        plugin::enter(self.descriptors, Phase::Call);
    }

    fn carried(&self, session: &Session) -> PyResult<Carried<'py>> {
        Ok(Carried {
            cookie: call::cookie(self.py, &session.cookie)?,
            session_cookie: call::cookie(self.py, &session.session_cookie)?,
        })
    }

    /// Says a word to the host.
    fn say(&self, word: u8) {
        while let Err(Errno::INTR) = rustix::net::send(&self.descriptors.data, &[word], SendFlags::NOSIGNAL) {}
    }

    /// Runs batches until the host is gone or this process is used up.
    fn batches(&mut self) -> i32 {
        let size_at_start = address_space();
        loop {
            let mut packet = [0_u8; 16];
            match rustix::net::recv(&self.descriptors.data, &mut packet, RecvFlags::empty()) {
                Ok((1, _)) if packet[0] == reply::BATCH => {}
                Err(Errno::INTR) => continue,
                // An earlier plugin process has set that nobody waits at this socket, which all of them share.
                Err(Errno::AGAIN) => {
                    let _ = poll(&mut [PollFd::new(&self.descriptors.data, PollFlags::IN)], None);
                    continue;
                }
                _ => return 0,
            }
            let request = self.descriptors.shared.read_request();
            let mut reader = Reader::new(&request);
            let Ok(count) = reader.count() else { return 3 };
            let flags = self.descriptors.shared.header().flags.load(Ordering::Relaxed);
            let mut used_up = false;
            self.things = REPLY_THINGS - ROOM_FOR_THINGS;
            for index in 0..count {
                let Ok(session) = reader.session() else { return 3 };
                self.descriptors.shared.header().session.store(index as u32, Ordering::Relaxed);
                let changed = self.session(&session, flags);
                self.descriptors.shared.header().sessions_done.store(index as u32 + 1, Ordering::Release);
                if changed && flags & flag::KEEP_STATE == 0 {
                    used_up = true;
                    break;
                }
                if self.descriptors.shared.reply_room() < ROOM || self.things < Observed::NODES_LIMIT / 2 {
                    break;
                }
            }
            // Who keeps state wants to see where it leads.
            used_up |= flags & flag::KEEP_STATE == 0 && address_space() > size_at_start + GROWTH_LIMIT;
            self.say(if used_up { reply::RETIRED } else { reply::DONE });
            if used_up {
                return 0;
            }
            // What was written is read by now; the next session's output begins at the front.
            if self.descriptors.stdout.size() > 1 << 20 {
                self.descriptors.stdout.clear();
            }
            if self.descriptors.stderr.size() > 1 << 20 {
                self.descriptors.stderr.clear();
            }
            self.output_at = (self.descriptors.stdout.size(), self.descriptors.stderr.size());
        }
    }

    /// Runs a session in this process; the [`flag`]s say what is watched. Whether it changed what may carry state over.
    fn session(&mut self, session: &Session, flags: u32) -> bool {
        let Ok(mut carried) = self.carried(session) else { return true };
        self.scratch.fill(&session.services);
        self.begins(session, 0, 0);
        let is_begun = services::begin(self.py, &session.services, None).is_ok();
        plugin::leave(self.descriptors);
        if !is_begun {
            return true;
        }
        if let Some(coverage) = &mut self.plugin.coverage {
            // One that is worth a closer look is worth its lines.
            coverage.session_begins(flags & flag::COMPARISONS != 0);
        }
        probe::begin(flags);
        let mut flow = Flow::default();
        while let Some(step) = flow.step(session) {
            let answered = std::mem::take(&mut flow.answered);
            let at = (step.call, step.round, step.answer_is_secret);
            let after = self.call(session, step.call, at, &answered, &mut carried);
            flow.answered = answered;
            flow.ended(session, after);
        }
        let mut writer = Writer::default();
        let edges = probe::end(flags, &mut writer);
        if let Some(coverage) = &mut self.plugin.coverage {
            coverage.session_ended();
        }
        // None of this is the plugin's code, unless it put itself there.
        plugin::enter(self.descriptors, Phase::After);
        let whole = services::end(self.py, &session.services);
        // Looking costs the more the more a plugin keeps, and would be part of what is measured.
        let is_measured = flags & flag::USAGE != 0;
        let mut changes = if is_measured { Vec::new() } else { self.plugin.state.after_session(self.py) };
        if !whole {
            changes.push("the platform's services".into());
        }
        if !self.scratch.clear() {
            // The host has a fresh worker stand in fresh folders.
            self.descriptors.shared.header().scratch_used.store(2, Ordering::Relaxed);
            changes.push("the scratch folder".into());
        }
        plugin::leave(self.descriptors);
        if !self.own.is_here() {
            interpreter::leave(0);
        }
        if is_measured && self.held_at.is_none_or(|at| at.elapsed() >= HELD_EVERY) {
            self.held_at = Some(Instant::now());
            writer.holding(&usage::holding());
        }
        writer.byte(record::SESSION);
        writer.number(changes.len() as u64);
        for change in &changes {
            writer.blob(change.as_bytes());
        }
        self.things = convert::observe(&mut writer, &carried.cookie, self.things);
        self.things = convert::observe(&mut writer, &carried.session_cookie, self.things);
        if !self.descriptors.shared.append_reply(&writer.bytes) {
            return true;
        }
        self.descriptors.shared.mark_seen(&edges);
        !changes.is_empty() || self.left.is_used_up()
    }

    /// What the call that ended has tried.
    fn attempts(&self) -> Vec<Attempt> {
        if !self.descriptors.shared.has_attempts() {
            return Vec::new();
        }
        let origins = &self.plugin.origins;
        stack::attempts(&self.descriptors.shared, Path::new(&origins.root), &origins.standard_library)
    }

    /// Makes one call and writes down what was seen.
    fn call(
        &mut self,
        session: &Session,
        index: usize,
        (told_index, round, secret): (usize, usize, bool),
        answered: &[(String, String)],
        carried: &mut Carried<'py>,
    ) -> After {
        let call = &session.calls[index];
        let header = self.descriptors.shared.header();
        header.call.store(told_index as u32, Ordering::Relaxed);
        header.round.store(round as u32, Ordering::Relaxed);
        header.hook.store(call.hook as u32, Ordering::Relaxed);
        header.answer_is_secret.store(u32::from(secret), Ordering::Relaxed);
        // The plugin gets copies: what it does to them is not carried.
        let given = Given {
            cookie: convert::through_json(&carried.cookie).unwrap_or_else(|_| carried.cookie.clone()),
            session_cookie: convert::through_json(&carried.session_cookie)
                .unwrap_or_else(|_| carried.session_cookie.clone()),
            answered,
        };
        let mut ending = Writer::default();
        let (stdout_start, stderr_start) = self.output_at;
        header.stdout_start.store(stdout_start, Ordering::Relaxed);
        header.stderr_start.store(stderr_start, Ordering::Relaxed);
        let measures = header.flags.load(Ordering::Relaxed) & flag::USAGE != 0;
        let cpu_before = measures.then(usage::cpu);
        self.descriptors.shared.forget_attempts();
        if !measures {
            self.left.call_begins();
        }
        let since_ns = plugin::enter(self.descriptors, Phase::Call);
        let gave = call::make(self.py, &mut self.plugin, call, &session.options, given, &mut ending, &mut self.things);
        if !self.own.is_here() {
            // The plugin forked, and this is the child, which came back out of the hook. It is none of ours.
            interpreter::leave(0);
        }
        let elapsed_ns = now_ns() - since_ns;
        plugin::leave(self.descriptors);
        let left = if measures {
            // Looking would be part of what is measured.
            Vec::new()
        } else {
            self.left.call_ended(self.py, self.descriptors, &self.plugin.origins)
        };
        if !self.own.is_here() {
            // As above: the collector may have run what forks.
            interpreter::leave(0);
        }

        let mut writer = Writer { bytes: Vec::with_capacity(ending.bytes.len() + 64) };
        writer.byte(record::CALL);
        writer.number(told_index as u64);
        writer.number(round as u64);
        writer.byte(call.hook as u8);
        writer.byte(u8::from(secret));
        writer.number(elapsed_ns);
        let beginning = writer.bytes.len();
        writer.bytes.extend_from_slice(&ending.bytes);
        self.output_at = (self.descriptors.stdout.size(), self.descriptors.stderr.size());
        writer.output(&self.descriptors.stdout.read(stdout_start, self.output_at.0));
        writer.output(&self.descriptors.stderr.read(stderr_start, self.output_at.1));
        let files = self.scratch.look();
        writer.number(files.len() as u64);
        for file in &files {
            writer.blob(file.path.as_bytes());
            writer.blob(file.text.as_bytes());
        }
        writer.attempts(&self.attempts());
        writer.left(&left);
        if !self.descriptors.shared.append_reply(&writer.bytes) {
            // More than the area holds: that it returned is kept, what it returned is not.
            writer.bytes.truncate(beginning);
            writer.byte(hookstorm::runtime::protocol::wire::ending::RETURNED);
            writer.byte(hookstorm::runtime::protocol::wire::tag::TRUNCATED);
            writer.bytes.extend_from_slice(&[0; 7]);
            self.descriptors.shared.append_reply(&writer.bytes);
        }
        if let Some(before) = cpu_before {
            let cost = CallUsage {
                began_ns: since_ns,
                cpu: usage::cpu().saturating_sub(before),
                peak_bytes: usage::peak_bytes(),
            };
            let mut writer = Writer::default();
            writer.usage(&cost);
            self.descriptors.shared.append_reply(&writer.bytes);
        }
        if call.cut_off {
            let empty = || call::cookie(self.py, &Value::empty_dict());
            if let (Ok(cookie), Ok(session_cookie)) = (empty(), empty()) {
                *carried = Carried { cookie, session_cookie };
            }
            return After::Going;
        }
        if let Some(cookie) = gave.cookie {
            carried.cookie = cookie;
        }
        if let Some(session_cookie) = gave.session_cookie {
            carried.session_cookie = session_cookie;
        }
        gave.after
    }
}
