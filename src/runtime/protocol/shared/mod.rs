//! The memory that host and worker share: what a worker is doing right now, which lines ran, which edges the session that
//! runs took and which are known, the batch to run and what was seen of it. A worker that dies leaves in it all that it knew.
//!
//! A plugin can write over it. So whoever reads takes a copy first and believes nothing in it.

mod attempts;
mod edges;

pub use attempts::NotedAttempt;

use std::{
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
};

/// The first page.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Header {
    /// When the call or step that runs began, in nanoseconds of the monotonic clock; 0 where none runs.
    pub since_ns: AtomicU64,
    /// Which [`Phase`] it is.
    pub phase: AtomicU32,
    /// The session's place in the batch.
    pub session: AtomicU32,
    /// The call's place in the session.
    pub call: AtomicU32,
    /// The call's round of questions.
    pub round: AtomicU32,
    /// The hook's number.
    pub hook: AtomicU32,
    /// Whether the call got a secret answer.
    pub answer_is_secret: AtomicU32,
    /// Where standard output stood when the call began.
    pub stdout_start: AtomicU64,
    /// Where standard error stood when the call began.
    pub stderr_start: AtomicU64,
    /// How many bytes of the request area are in use.
    pub request_bytes: AtomicU64,
    /// How many bytes of the reply area are in use.
    pub reply_bytes: AtomicU64,
    /// How many sessions of the batch ended.
    pub sessions_done: AtomicU32,
    /// How the batch is run: [`flag`]s.
    pub flags: AtomicU32,
    /// What the sandbox could not do: [`crate::runtime::sandbox::MissingProtections`]'s bits.
    pub missing: AtomicU32,
    /// Whether something lies in the session's folders: 1 by the child that saw it, 2 by one that found a folder itself
    /// taken away, 0 by who empties them.
    pub scratch_used: AtomicU32,
    /// The address space that a runner may take, in bytes, beyond what the zygote has; 0 for no limit.
    pub memory_bytes: AtomicU64,
    /// How many edges the session that runs has taken.
    pub edges_taken: AtomicU32,
    /// How many bytes of the area of attempts are in use.
    pub attempts_bytes: AtomicU32,
    /// Whether any of the plugin's code ever ran.
    pub has_begun: AtomicU32,
}

/// Bits of [`Header::flags`].
pub mod flag {
    /// Go on in the same process although state changed.
    pub const KEEP_STATE: u32 = 1;
    /// Mark the lines that an isolated call runs.
    pub const LINES: u32 = 2;
    /// Tell the edges of sessions that take new ones.
    pub const EDGES: u32 = 4;
    /// Tell the edges of all sessions, and what they compared.
    pub const COMPARISONS: u32 = 8;
    /// Tell what calls cost, and now and then what the process holds.
    pub const USAGE: u32 = 16;
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// Nothing of the plugin's.
    Idle = 0,
    /// Importing the module.
    Import = 1,
    /// `Plugin(configuration)`, as a step of loading.
    Construct = 2,
    /// A call.
    Call = 3,
    /// Putting back what a session changed: the plugin's code runs only where it put itself in the way.
    After = 4,
}

impl Phase {
    /// The phase with that number; `Idle` for what is none.
    pub const fn numbered(number: u32) -> Self {
        match number {
            1 => Self::Import,
            2 => Self::Construct,
            3 => Self::Call,
            4 => Self::After,
            _ => Self::Idle,
        }
    }
}

/// How many lines can be marked as run.
pub const LINES_LIMIT: usize = 8 * LINES_BYTES;
const LINES_BYTES: usize = 32 << 10;
const LINES_AT: usize = 4 << 10;
const EDGES_AT: usize = 64 << 10;
const REQUEST_AT: usize = EDGES_AT + edges::BYTES;
/// How large a batch may be, in bytes.
pub const REQUEST_LIMIT: usize = 8 << 20;
const REPLY_AT: usize = REQUEST_AT + REQUEST_LIMIT;
/// How much may be seen of a batch, in bytes.
pub const REPLY_LIMIT: usize = 24 << 20;
const ATTEMPTS_AT: usize = REPLY_AT + REPLY_LIMIT;
const SIZE: usize = ATTEMPTS_AT + attempts::BYTES;

/// The mapping.
#[derive(Debug)]
pub struct Shared {
    base: *mut u8,
    /// The host's descriptor. The worker keeps none, so that nobody there can write to it by mistake.
    file: Option<OwnedFd>,
}

// SAFETY: the mapping belongs to the process, not to a thread, and is only touched through atomics and through copies
// that `Shared`'s owner makes.
unsafe impl Send for Shared {}

impl Shared {
    /// New memory, all zero.
    ///
    /// # Errors
    /// Where the kernel gives none.
    pub fn new() -> io::Result<Self> {
        let file = rustix::fs::memfd_create("hookstorm-shared", rustix::fs::MemfdFlags::CLOEXEC)?;
        rustix::fs::ftruncate(&file, SIZE as u64)?;
        let shared = Self::map(file.try_clone()?)?;
        Ok(Self { base: std::mem::ManuallyDrop::new(shared).base, file: Some(file) })
    }

    /// The memory behind a descriptor that the host handed over.
    ///
    /// # Errors
    /// Where it cannot be mapped.
    pub fn map(file: OwnedFd) -> io::Result<Self> {
        use rustix::mm::{MapFlags, ProtFlags, mmap};
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let base = unsafe {
            mmap(std::ptr::null_mut(), SIZE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &file, 0)
        }?;
        Ok(Self { base: base.cast(), file: None })
    }

    /// The same memory once more, for somebody who keeps it.
    ///
    /// # Errors
    /// Where it cannot be mapped.
    pub fn again(&self) -> io::Result<Self> {
        // SAFETY: nothing is moved, since no byte of the old mapping is named: shared pages are mapped a second time at an
        // address of the kernel's choice.
        let base = unsafe { rustix::mm::mremap(self.base.cast(), 0, SIZE, rustix::mm::MremapFlags::MAYMOVE) }?;
        Ok(Self { base: base.cast(), file: None })
    }

    /// The descriptor of new memory, to hand over.
    pub fn fd(&self) -> &OwnedFd {
        self.file.as_ref().expect("only who made the memory hands it over")
    }

    /// Takes over what `earlier` knows of the plugin: the lines that ran, and the edges that were seen.
    pub fn inherit(&mut self, earlier: &Self) {
        let known = earlier.copy(LINES_AT, (REQUEST_AT - LINES_AT) as u64, REQUEST_AT - LINES_AT);
        // SAFETY: as many bytes as lie there in this mapping too, to which nobody has a reference.
        unsafe { std::ptr::copy_nonoverlapping(known.as_ptr(), self.base.add(LINES_AT), known.len()) };
        self.header().edges_taken.store(earlier.header().edges_taken.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The first page.
    pub fn header(&self) -> &Header {
        // SAFETY: the mapping is page-aligned, larger than the header, lives as long as `self`, and every field is an
        // atomic for which any bits are valid.
        unsafe { &*self.base.cast::<Header>() }
    }

    fn line_byte(&self, line: usize) -> Option<&AtomicU8> {
        // SAFETY: the index is checked to lie in the area of lines, whose bytes are only touched as atomics.
        (line < LINES_LIMIT).then(|| unsafe { &*self.base.add(LINES_AT + line / 8).cast::<AtomicU8>() })
    }

    /// Marks a line as run.
    pub fn hit(&self, line: usize) {
        if let Some(byte) = self.line_byte(line) {
            byte.fetch_or(1 << (line % 8), Ordering::Relaxed);
        }
    }

    /// Whether a line ran.
    pub fn was_hit(&self, line: usize) -> bool {
        self.line_byte(line).is_some_and(|byte| byte.load(Ordering::Relaxed) & (1 << (line % 8)) != 0)
    }

    /// Puts a batch in place. False where it is too large.
    pub fn write_request(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > REQUEST_LIMIT {
            return false;
        }
        // SAFETY: the area has room, as just checked; the other end reads it only after it is told that it is there.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(REQUEST_AT), bytes.len()) };
        self.header().request_bytes.store(bytes.len() as u64, Ordering::Release);
        true
    }

    /// A copy of the batch.
    pub fn read_request(&self) -> Vec<u8> {
        self.copy(REQUEST_AT, self.header().request_bytes.load(Ordering::Acquire), REQUEST_LIMIT)
    }

    /// Empties the reply area.
    pub fn clear_reply(&mut self) {
        self.header().reply_bytes.store(0, Ordering::Release);
        self.header().sessions_done.store(0, Ordering::Release);
    }

    /// How many bytes fit behind what the reply area holds.
    pub fn reply_room(&self) -> usize {
        REPLY_LIMIT.saturating_sub(self.header().reply_bytes.load(Ordering::Relaxed) as usize)
    }

    /// Adds to the reply. False where there is no room.
    pub fn append_reply(&mut self, bytes: &[u8]) -> bool {
        let used = self.header().reply_bytes.load(Ordering::Relaxed) as usize;
        if used > REPLY_LIMIT || bytes.len() > REPLY_LIMIT - used {
            return false;
        }
        // SAFETY: the area has room, as just checked; the other end reads only up to `reply_bytes`, which moves after.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(REPLY_AT + used), bytes.len()) };
        self.header().reply_bytes.store((used + bytes.len()) as u64, Ordering::Release);
        true
    }

    /// A copy of the reply.
    pub fn read_reply(&self) -> Vec<u8> {
        self.copy(REPLY_AT, self.header().reply_bytes.load(Ordering::Acquire), REPLY_LIMIT)
    }

    fn write_attempts(&self, at: usize, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(attempts::BYTES.saturating_sub(at))];
        let at = ATTEMPTS_AT + at.min(attempts::BYTES);
        // SAFETY: the bytes end inside the area, as just cut; whoever reads takes a copy and believes nothing in it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(at), bytes.len()) };
    }

    fn read_attempts(&self, length: u32) -> Vec<u8> {
        self.copy(ATTEMPTS_AT, u64::from(length), attempts::BYTES)
    }

    fn copy(&self, at: usize, length: u64, limit: usize) -> Vec<u8> {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(limit);
        let mut bytes = vec![0_u8; length];
        // SAFETY: `at + limit` lies inside the mapping, and bytes that a plugin changes meanwhile are only bytes.
        unsafe { std::ptr::copy_nonoverlapping(self.base.add(at), bytes.as_mut_ptr(), length) };
        bytes
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: nobody can hold a reference into the mapping any more, since they all borrow from `self`.
        let _ = unsafe { rustix::mm::munmap(self.base.cast(), SIZE) };
    }
}

/// The monotonic clock in nanoseconds, the same in host and worker.
pub fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A file in memory to which several processes write, read by position.
#[derive(Debug)]
pub struct Capture {
    file: File,
}

impl Capture {
    /// How much of the beginning, and of the end, of a long output is kept.
    pub const KEPT: u64 = 32 << 10;

    /// A new one, empty.
    ///
    /// # Errors
    /// Where the kernel gives none.
    pub fn new(name: &str) -> io::Result<Self> {
        let file = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::APPEND | rustix::fs::OFlags::RDWR)?;
        Ok(Self { file: File::from(file) })
    }

    /// The one behind a descriptor.
    ///
    /// # Safety
    /// `fd` must be open and nobody else's to close.
    pub unsafe fn from_raw(fd: i32) -> Self {
        // SAFETY: as the caller promises.
        Self { file: unsafe { File::from_raw_fd(fd) } }
    }

    /// The descriptor's number.
    pub fn raw(&self) -> i32 {
        self.file.as_raw_fd()
    }

    /// The descriptor, to hand over.
    pub fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// How many bytes were written since it was emptied.
    pub fn size(&self) -> u64 {
        rustix::fs::seek(&self.file, rustix::fs::SeekFrom::End(0)).unwrap_or(0)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let _ = self.file.set_len(0);
    }

    /// Gives back the memory between the beginning and the end of what was written since `start`, both of which stay, so
    /// that ten gigabytes cost no more than their edges.
    pub fn trim(&self, start: u64) {
        let end = self.size();
        // Where it began is the worker's word, which a plugin can write over.
        if end > start.saturating_add(4 << 20) {
            let from = start + Self::KEPT;
            let length = end - Self::KEPT - from;
            let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
            let _ = rustix::fs::fallocate(&self.file, flags, from, length);
        }
    }

    /// What was written from `start` to `end`: whole where it is short, otherwise its edges.
    pub fn read(&self, start: u64, end: u64) -> crate::trace::CapturedOutput {
        use std::os::unix::fs::FileExt;
        let read = |from: u64, to: u64| {
            let mut bytes = vec![0_u8; (to - from) as usize];
            let mut filled = 0;
            while let Ok(count @ 1..) = self.file.read_at(&mut bytes[filled..], from + filled as u64) {
                filled += count;
            }
            bytes.truncate(filled);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let bytes = end.saturating_sub(start);
        let text = match bytes {
            0 => String::new(),
            1..=0x1_0000 => read(start, end),
            _ => format!(
                "{}\n[… {} bytes …]\n{}",
                read(start, start + Self::KEPT),
                bytes - 2 * Self::KEPT,
                read(end - Self::KEPT, end)
            ),
        };
        crate::trace::CapturedOutput { text, bytes }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn two_mappings_see_the_same_batch_reply_and_lines() {
        let mut host = Shared::new().unwrap();
        let mut worker = Shared::map(host.fd().try_clone().unwrap()).unwrap();
        assert!(host.write_request(b"batch"));
        assert_eq!(worker.read_request(), b"batch");
        assert!(worker.append_reply(b"one") && worker.append_reply(b"two"));
        assert_eq!(host.read_reply(), b"onetwo");
        let worker = worker.again().unwrap();
        worker.hit(LINES_LIMIT - 1);
        worker.hit(LINES_LIMIT);
        assert!(host.was_hit(LINES_LIMIT - 1) && !host.was_hit(LINES_LIMIT - 2) && !host.was_hit(LINES_LIMIT));
    }

    #[test]
    fn lengths_that_a_plugin_wrote_over_are_cut_to_the_area() {
        let mut host = Shared::new().unwrap();
        host.header().reply_bytes.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(host.read_reply().len(), REPLY_LIMIT);
        assert_eq!(host.reply_room(), 0);
        assert!(!host.append_reply(b"x"));
        assert!(!host.write_request(&vec![0; REQUEST_LIMIT + 1]));
    }

    #[test]
    fn a_long_output_keeps_its_edges_and_its_length() {
        let capture = Capture::new("test").unwrap();
        let mut file = capture.file.try_clone().unwrap();
        file.write_all(b"before").unwrap();
        let start = capture.size();
        file.write_all(b"<begin>").unwrap();
        file.write_all(&vec![b'x'; 8 << 20]).unwrap();
        file.write_all(b"<end>").unwrap();
        capture.trim(start);
        let output = capture.read(start, capture.size());
        assert_eq!(output.bytes, 12 + (8 << 20));
        assert!(output.text.starts_with("<begin>xx") && output.text.ends_with("xx<end>"));
        assert!(output.text.len() < 70 << 10);
    }
}
