//! Compares a process before and after a call.

use std::{
    ffi::CStr,
    fs::File,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    sync::OnceLock,
    time::{Duration, Instant},
};

use hookstorm::{
    runtime::{protocol::shared::Phase, sandbox::session_folders::TEMPORARY},
    trace::{Frame, Leftover, LeftoverKind, Origin},
};
use pyo3::{ffi, prelude::*, types::PyModule};
use rustix::process::{getpid, set_child_subreaper};

use super::{
    bounded,
    children::{Child, children, has_children},
    starts,
};
use crate::{Descriptors, exception::Origins, interpreter, plugin};

/// How long threads and children may take to end by themselves.
const GRACE: Duration = Duration::from_millis(20);
/// How long the tracker sleeps between two looks at them.
const NAP: Duration = Duration::from_millis(1);
/// How many leftovers of each kind are reported.
const LIMIT: usize = 16;
/// Files that Python and C libraries open for themselves.
const KEPT_FILES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/memfd:libffi"];

const SOURCE: &CStr = match CStr::from_bytes_with_nul(concat!(include_str!("resources.py"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => panic!("resources.py holds a NUL"),
};

static MODULE: OnceLock<Py<PyModule>> = OnceLock::new();

/// Loads the code of the tracker, before the plugin can replace something of Python's.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    let module = interpreter::own_module(py, SOURCE, c"<hookstorm-resources>", c"hookstorm_resources")?;
    MODULE.get_or_init(|| module.unbind());
    starts::install(py)
}

/// Finds what each call leaves behind in this process.
#[derive(Debug)]
pub(crate) struct ResourceTracker {
    /// `/proc/self/fd`, whose size is the number of open descriptors since Linux 6.2.
    folder: Option<OwnedFd>,
    descriptors_count: i64,
    threads_count: usize,
    descriptors: Vec<i32>,
    threads: Vec<u64>,
    children: Vec<i32>,
    found_leftovers: bool,
}

impl ResourceTracker {
    /// Notes what exists now. Orphans become children of this process.
    pub(crate) fn new(py: Python<'_>) -> Self {
        let _ = set_child_subreaper(Some(getpid()));
        let mut tracker = Self {
            folder: None,
            descriptors_count: 0,
            threads_count: 0,
            descriptors: Vec::new(),
            threads: Vec::new(),
            children: Vec::new(),
            found_leftovers: false,
        };
        tracker.open();
        tracker.note(py);
        tracker
    }

    fn open(&mut self) {
        self.folder = File::open("/proc/self/fd").map(OwnedFd::from).ok();
    }

    /// Notes what exists now.
    fn note(&mut self, py: Python<'_>) {
        self.descriptors = descriptors(self.folder.as_ref());
        self.descriptors_count = self.count_descriptors();
        self.threads_count = count_threads();
        let threads = if self.threads_count > 1 { threads(py, &[]) } else { Vec::new() };
        self.threads = threads.into_iter().map(|thread| thread.0).collect();
        self.children = if has_children() { children().iter().map(|child| child.pid).collect() } else { Vec::new() };
    }

    /// Begins a call.
    pub(crate) fn call_begins(&self) {
        starts::begin();
    }

    /// Ends a call. Returns what it left that was not there before.
    pub(crate) fn call_ended(&mut self, py: Python<'_>, descriptors: &Descriptors, origins: &Origins) -> Vec<Leftover> {
        starts::end();
        if self.is_as_before() {
            return Vec::new();
        }
        // The collector may run code of the plugin, which must be under the time limit.
        plugin::begin_phase(descriptors, Phase::Call);
        let leftovers = self.look(py, origins);
        plugin::end_phase(descriptors);
        leftovers
    }

    /// Whether something was left that must not be there in the next session.
    pub(crate) const fn found_leftovers(&self) -> bool {
        self.found_leftovers
    }

    fn is_as_before(&self) -> bool {
        count_threads() == self.threads_count && self.count_descriptors() == self.descriptors_count && !has_children()
    }

    fn look(&mut self, py: Python<'_>, origins: &Origins) -> Vec<Leftover> {
        if let Some(module) = MODULE.get() {
            let _ = module.bind(py).call_method0("collect");
        }
        let begin = Instant::now();
        let is_new = |child: &Child, known: &[i32]| !known.contains(&child.pid);
        while (count_threads() > self.threads_count
            || has_children() && children().iter().any(|child| !child.is_zombie && is_new(child, &self.children)))
            && begin.elapsed() < GRACE
        {
            py.detach(|| std::thread::sleep(NAP));
        }
        let mut leftovers = Vec::new();
        if count_threads() > 1 {
            let new = threads(py, &self.threads).into_iter().take(LIMIT);
            leftovers.extend(new.map(|thread| thread_leftover(thread, origins)));
        }
        if has_children() {
            let new = children().into_iter().filter(|child| is_new(child, &self.children));
            let reported = new.filter(|child| !child.is_ignored());
            leftovers.extend(reported.take(LIMIT).map(|child| child.leftover(origins)));
            // Also an ignored one would still be there in the next session.
            self.found_leftovers = true;
        }
        self.add_descriptors(py, origins, &mut leftovers);
        self.found_leftovers |= !leftovers.is_empty();
        self.note(py);
        leftovers
    }

    fn add_descriptors(&mut self, py: Python<'_>, origins: &Origins, leftovers: &mut Vec<Leftover>) {
        if self.folder.is_some() && self.count_descriptors() < 0 {
            // The plugin closed our descriptor, and its number may mean another file by now.
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
        let reported = new.into_iter().filter_map(|descriptor| {
            let target = std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?;
            let what = pointed_to(&target, origins)?;
            Some(Leftover { kind: LeftoverKind::Descriptor, what, frames: Vec::new() })
        });
        leftovers.extend(reported.take(LIMIT));
    }

    /// The number of open descriptors, or, on an older kernel, the lowest free one. Negative if it is unknown.
    fn count_descriptors(&self) -> i64 {
        let Some(folder) = &self.folder else { return -1 };
        match rustix::fs::fstat(folder) {
            Ok(stat) if stat.st_size > 0 => stat.st_size,
            Ok(_) => rustix::io::fcntl_dupfd_cloexec(folder, 0).map_or(-1, |free| i64::from(free.as_raw_fd())),
            Err(_) => -1,
        }
    }
}

/// The number of threads that Python knows.
fn count_threads() -> usize {
    // SAFETY: this thread is attached, and only an attached thread frees the state of a thread. A thread of C that
    // enters Python for the first time adds its own state in front of those that are walked.
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

type Place = (String, String, u32);
type Thread = (u64, String, usize, Option<Place>, Vec<Place>);

/// The threads without this one and the known ones.
fn threads(py: Python<'_>, known: &[u64]) -> Vec<Thread> {
    let look = |module: &Py<PyModule>| -> PyResult<Vec<Thread>> {
        module.bind(py).call_method1("threads", (known.to_vec(),))?.extract()
    };
    MODULE.get().and_then(|module| look(module).ok()).unwrap_or_default()
}

fn thread_leftover((_, name, key, target, stack): Thread, origins: &Origins) -> Leftover {
    let frames = starts::of_thread(key, origins).unwrap_or_default();
    let is_placed = |frames: &[Frame]| frames.iter().any(|frame| frame.origin != Origin::StandardLibrary);
    let frames = [frames, starts::frames(target.as_slice(), origins), starts::frames(&stack, origins)]
        .into_iter()
        .find(|frames| is_placed(frames));
    Leftover { kind: LeftoverKind::Thread, what: bounded(&name), frames: frames.unwrap_or_default() }
}

/// The open descriptors.
fn descriptors(folder: Option<&OwnedFd>) -> Vec<i32> {
    let Some(folder) = folder else { return Vec::new() };
    // The descriptor that lists them is open too meanwhile.
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return vec![folder.as_raw_fd()] };
    let numbers: Vec<i32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // SAFETY: reading flags changes nothing, whatever the number is.
    numbers.into_iter().filter(|&number| unsafe { libc::fcntl(number, libc::F_GETFD) } != -1).collect()
}

/// The name of a descriptor that points to `target`; `None` for what libraries keep.
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
        let named = origins.with_names(target.to_owned());
        // The scratch folder's own name, so that a finding is the same on a machine where `/tmp` is another folder.
        match named.strip_prefix(&origins.temporary) {
            Some(inside) if inside.starts_with('/') => format!("<scratch>/{TEMPORARY}{inside}"),
            _ => named,
        }
    };
    Some(bounded(&name))
}
