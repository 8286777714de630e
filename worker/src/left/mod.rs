//! What a call left behind in its process: threads, children and descriptors that were not there before.
//!
//! After nearly every call two system calls and a walk along Python's threads say that nothing was: how many descriptors
//! are open, and that there is no child. Only where a number differs is it looked closely, after a collection, since what
//! that closes or ends is not left, and after a moment in which threads and children may end by themselves.
//!
//! A thread is placed where it was started, by CPython's own event; where none told, at the function that it runs. A
//! process whose parent is gone becomes a child of this one, so that a daemon is seen like any other child.
//!
//! Lets pass on purpose: what Python and C libraries open once for themselves (`/dev/urandom`, the tracker of
//! `multiprocessing`), threads that Python does not know, which libraries such as OpenBLAS keep, and a daemon that ended.

mod starts;

use std::{
    ffi::CStr,
    fs::File,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    sync::OnceLock,
    time::{Duration, Instant},
};

use hookstorm::{
    runtime::{protocol::shared::Phase, sandbox::Stat},
    trace::{Frame, Leftover, LeftoverKind},
};
use pyo3::{ffi, prelude::*, types::PyModule};

use crate::{Descriptors, exception::Origins, interpreter, plugin};

/// How long threads and children may take to end by themselves.
const GRACE: Duration = Duration::from_millis(20);
/// How long it sleeps between two looks at that.
const NAP: Duration = Duration::from_millis(1);
/// How much of each kind is told.
const LIMIT: usize = 16;
/// How many bytes of a name are told.
const NAME_LIMIT: usize = 512;
/// What Python and C libraries open for themselves.
const KEPT_FILES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/memfd:libffi"];
/// Programs that `multiprocessing` starts once, and that end with the process.
const KEPT_PROGRAMS: [&str; 2] = ["multiprocessing.resource_tracker", "multiprocessing.forkserver"];

const SOURCE: &CStr = match CStr::from_bytes_with_nul(concat!(include_str!("left.py"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => panic!("left.py holds a NUL"),
};

static MODULE: OnceLock<Py<PyModule>> = OnceLock::new();

/// Makes ready what looks, before the plugin can put something else in Python's place.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    let module = interpreter::own_module(py, SOURCE, c"<hookstorm-left>", c"hookstorm_left")?;
    MODULE.get_or_init(|| module.unbind());
    starts::install(py)
}

/// Tells what each call leaves behind in this process.
#[derive(Debug)]
pub(crate) struct Instrumentation {
    /// `/proc/self/fd`, whose size is the number of open descriptors since Linux 6.2.
    folder: Option<OwnedFd>,
    descriptors_number: i64,
    threads_number: usize,
    descriptors: Vec<i32>,
    threads: Vec<u64>,
    children: Vec<i32>,
    is_used_up: bool,
}

/// A child as the kernel tells it.
struct Child {
    pid: i32,
    name: String,
    words: Vec<String>,
    is_zombie: bool,
    /// Whether it is in a session of a process that is gone or another one than ours: a daemon's.
    is_daemon: bool,
}

impl Instrumentation {
    /// Takes note of what there is now. Has orphans become children of this process.
    pub(crate) fn begin(py: Python<'_>) -> Self {
        // SAFETY: a flag of this process only.
        unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
        let mut watch = Self {
            folder: None,
            descriptors_number: 0,
            threads_number: 0,
            descriptors: Vec::new(),
            threads: Vec::new(),
            children: Vec::new(),
            is_used_up: false,
        };
        watch.open();
        watch.note(py);
        watch
    }

    fn open(&mut self) {
        self.folder = File::open("/proc/self/fd").map(OwnedFd::from).ok();
    }

    /// Takes note of what there is.
    fn note(&mut self, py: Python<'_>) {
        self.descriptors = descriptors(self.folder.as_ref());
        self.descriptors_number = self.count_descriptors();
        self.threads_number = count_threads();
        let threads = if self.threads_number > 1 { threads(py, &[]) } else { Vec::new() };
        self.threads = threads.into_iter().map(|thread| thread.0).collect();
        self.children = if has_children() { children().iter().map(|child| child.pid).collect() } else { Vec::new() };
    }

    /// A call begins.
    pub(crate) fn call_begins(&self) {
        starts::begin();
    }

    /// A call ended: what it left that was not there before.
    pub(crate) fn call_ended(&mut self, py: Python<'_>, descriptors: &Descriptors, origins: &Origins) -> Vec<Leftover> {
        starts::end();
        if self.is_as_before() {
            return Vec::new();
        }
        // The collector runs code of the plugin's, which is under the time limit as all of it is.
        plugin::enter(descriptors, Phase::Call);
        let left = self.look(py, origins);
        plugin::leave(descriptors);
        left
    }

    /// Whether something was left that a next session should not meet.
    pub(crate) const fn is_used_up(&self) -> bool {
        self.is_used_up
    }

    fn is_as_before(&self) -> bool {
        count_threads() == self.threads_number && self.count_descriptors() == self.descriptors_number && !has_children()
    }

    fn look(&mut self, py: Python<'_>, origins: &Origins) -> Vec<Leftover> {
        if let Some(module) = MODULE.get() {
            let _ = module.bind(py).call_method0("collect");
        }
        let begin = Instant::now();
        let is_new = |child: &Child, known: &[i32]| !known.contains(&child.pid);
        while (count_threads() > self.threads_number
            || has_children() && children().iter().any(|child| !child.is_zombie && is_new(child, &self.children)))
            && begin.elapsed() < GRACE
        {
            py.detach(|| std::thread::sleep(NAP));
        }
        let mut left = Vec::new();
        if count_threads() > 1 {
            left.extend(threads(py, &self.threads).into_iter().take(LIMIT).map(|thread| thread_left(thread, origins)));
        }
        if has_children() {
            let new = children().into_iter().filter(|child| is_new(child, &self.children));
            let told = new.filter(|child| !(is_kept(child) || child.is_zombie && child.is_daemon));
            left.extend(told.take(LIMIT).map(|child| child_left(&child, origins)));
            // Whatever it is, a next session would meet it.
            self.is_used_up = true;
        }
        self.tell_descriptors(py, origins, &mut left);
        self.is_used_up |= !left.is_empty();
        self.note(py);
        left
    }

    fn tell_descriptors(&mut self, py: Python<'_>, origins: &Origins, left: &mut Vec<Leftover>) {
        if self.folder.is_some() && self.count_descriptors() < 0 {
            // The plugin closed what it does not own, and the number may be its own by now.
            std::mem::forget(self.folder.take());
            self.open();
        }
        let own = self.folder.as_ref().map(AsRawFd::as_raw_fd);
        let mut new = descriptors(self.folder.as_ref());
        new.retain(|descriptor| !self.descriptors.contains(descriptor) && Some(*descriptor) != own);
        if new.is_empty() {
            return;
        }
        let kept: Vec<i32> = MODULE
            .get()
            .and_then(|module| module.bind(py).call_method0("kept_descriptors").ok()?.extract().ok())
            .unwrap_or_default();
        new.retain(|descriptor| !kept.contains(descriptor));
        let told = new.into_iter().filter_map(|descriptor| {
            let target = std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?;
            let what = pointed_to(&target, origins)?;
            Some(Leftover { kind: LeftoverKind::Descriptor, what, frames: Vec::new() })
        });
        left.extend(told.take(LIMIT));
    }

    /// How many descriptors are open, or, on an older kernel, which is the lowest that is free. Negative where nobody can
    /// tell.
    fn count_descriptors(&self) -> i64 {
        let Some(folder) = &self.folder else { return -1 };
        match rustix::fs::fstat(folder) {
            Ok(stat) if stat.st_size > 0 => stat.st_size,
            Ok(_) => rustix::io::fcntl_dupfd_cloexec(folder, 0).map_or(-1, |free| i64::from(free.as_raw_fd())),
            Err(_) => -1,
        }
    }
}

/// How many threads Python knows.
fn count_threads() -> usize {
    // SAFETY: this thread is attached, and a thread's state is given back by who is attached. A thread of C that enters
    // Python for the first time puts its own in front of those that are walked.
    unsafe {
        let mut state = ffi::PyInterpreterState_ThreadHead(ffi::PyInterpreterState_Main());
        let mut count = 0;
        while !state.is_null() {
            count += 1;
            state = ffi::PyThreadState_Next(state);
        }
        count
    }
}

/// Whether this process has children, whatever became of them.
fn has_children() -> bool {
    // SAFETY: all zeros are a `siginfo_t`, and the kernel writes nothing but one.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
        libc::waitid(libc::P_ALL, 0, &raw mut info, options) == 0
    }
}

type Place = (String, String, u32);
type Thread = (u64, String, usize, Option<Place>, Vec<Place>);

/// The threads but this one and those that are known.
fn threads(py: Python<'_>, known: &[u64]) -> Vec<Thread> {
    let look = |module: &Py<PyModule>| -> PyResult<Vec<Thread>> {
        module.bind(py).call_method1("threads", (known.to_vec(),))?.extract()
    };
    MODULE.get().and_then(|module| look(module).ok()).unwrap_or_default()
}

fn thread_left((_, name, key, target, stack): Thread, origins: &Origins) -> Leftover {
    let frames = starts::of_thread(key, origins).unwrap_or_default();
    let is_placed =
        |frames: &[Frame]| frames.iter().any(|frame| frame.origin != hookstorm::trace::Origin::StandardLibrary);
    let frames = [frames, starts::frames(target.as_slice(), origins), starts::frames(&stack, origins)]
        .into_iter()
        .find(|frames| is_placed(frames));
    Leftover { kind: LeftoverKind::Thread, what: bounded(&name), frames: frames.unwrap_or_default() }
}

/// This process's children.
fn children() -> Vec<Child> {
    let mut found = Vec::new();
    // Each thread has its own.
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let listed = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(listed.split_ascii_whitespace().filter_map(|pid| child(pid.parse().ok()?)));
    }
    found.sort_by_key(|child| child.pid);
    found
}

fn child(pid: i32) -> Option<Child> {
    let Stat { name, is_zombie, session, .. } = Stat::of(pid)?;
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = line.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    let mut words: Vec<String> = words.collect();
    // Each word ends with a NUL.
    words.pop();
    let is_daemon = session != pid && Stat::of("self").is_some_and(|own| session != own.session);
    Some(Child { pid, name, words, is_zombie, is_daemon })
}

fn is_kept(child: &Child) -> bool {
    child.words.iter().any(|word| KEPT_PROGRAMS.iter().any(|program| word.contains(program)))
}

fn child_left(child: &Child, origins: &Origins) -> Leftover {
    let (mut words, frames) = starts::of_process(&child.name, &child.words, origins);
    let own: Vec<String> = std::env::args().collect();
    if words == own {
        // A fork that runs the plugin's own code.
        words.clear();
    } else if words.is_empty() && Stat::of("self").is_none_or(|own| own.name != child.name) {
        words.push(child.name.clone());
    }
    Leftover { kind: LeftoverKind::Process, what: bounded(&origins.named(words.join(" "))), frames }
}

/// The open descriptors.
fn descriptors(folder: Option<&OwnedFd>) -> Vec<i32> {
    let Some(folder) = folder else { return Vec::new() };
    // The one that lists them is open as well while it does.
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return vec![folder.as_raw_fd()] };
    let numbers: Vec<i32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // SAFETY: asking for flags changes nothing, whatever the number is.
    numbers.into_iter().filter(|&number| unsafe { libc::fcntl(number, libc::F_GETFD) } != -1).collect()
}

/// What a descriptor that points to `target` is called; `None` for what libraries keep.
fn pointed_to(target: &Path, origins: &Origins) -> Option<String> {
    let target = target.to_string_lossy();
    if KEPT_FILES.iter().any(|kept| target.starts_with(kept)) {
        return None;
    }
    let target = target.strip_suffix(" (deleted)").unwrap_or(&target);
    let name = if target.starts_with("socket:") {
        "socket".to_owned()
    } else if target.starts_with("pipe:") {
        "pipe".to_owned()
    } else if let Some(name) = target.strip_prefix("/memfd:") {
        format!("memfd:{name}")
    } else {
        origins.named(target.to_owned())
    };
    Some(bounded(&name))
}

fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(NAME_LIMIT)].to_owned()
}
