//! The mapping itself: its areas, and how lines, requests and replies go in and out.

use std::{
    io,
    os::fd::OwnedFd,
    sync::atomic::{AtomicU8, Ordering},
};

use super::{Header, attempts, edges};

/// How many lines can be marked.
pub const LINES_LIMIT: usize = 8 * LINES_BYTES;
const LINES_BYTES: usize = 32 << 10;
const LINES_AT: usize = 4 << 10;
pub(super) const EDGES_AT: usize = 64 << 10;
const REQUEST_AT: usize = EDGES_AT + edges::BYTES;
/// The largest batch, in bytes.
pub const REQUEST_LIMIT: usize = 8 << 20;
const REPLY_AT: usize = REQUEST_AT + REQUEST_LIMIT;
/// The largest reply, in bytes.
pub const REPLY_LIMIT: usize = 24 << 20;
const ATTEMPTS_AT: usize = REPLY_AT + REPLY_LIMIT;
const SIZE: usize = ATTEMPTS_AT + attempts::BYTES;

/// A mapping of the shared memory.
#[derive(Debug)]
pub struct SharedMemory {
    pub(super) base: *mut u8,
    /// The descriptor of new memory. A worker closes its copy, so that nothing in it can write there by mistake.
    file: Option<OwnedFd>,
}

// SAFETY: the mapping belongs to the process, not to a thread, and code touches it only through atomics and through
// copies that the owner of `SharedMemory` makes.
unsafe impl Send for SharedMemory {}

impl SharedMemory {
    /// New memory, all zero.
    ///
    /// # Errors
    /// If the kernel has no memory to give.
    pub fn new() -> io::Result<Self> {
        let file = rustix::fs::memfd_create("hookstorm-shared", rustix::fs::MemfdFlags::CLOEXEC)?;
        rustix::fs::ftruncate(&file, SIZE as u64)?;
        let shared = Self::map(&file)?;
        Ok(Self { base: std::mem::ManuallyDrop::new(shared).base, file: Some(file) })
    }

    /// The memory behind a descriptor.
    ///
    /// # Errors
    /// If the kernel cannot map it.
    pub fn map(file: &OwnedFd) -> io::Result<Self> {
        use rustix::mm::{MapFlags, ProtFlags, mmap};
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let base =
            unsafe { mmap(std::ptr::null_mut(), SIZE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, 0) }?;
        Ok(Self { base: base.cast(), file: None })
    }

    /// A second mapping of the same memory, for an owner of its own.
    ///
    /// # Errors
    /// If the kernel cannot map it.
    pub fn map_again(&self) -> io::Result<Self> {
        // SAFETY: with an old size of 0 the kernel moves nothing: it maps the shared pages a second time at an address
        // of its choice.
        let base = unsafe { rustix::mm::mremap(self.base.cast(), 0, SIZE, rustix::mm::MremapFlags::MAYMOVE) }?;
        Ok(Self { base: base.cast(), file: None })
    }

    /// The descriptor of memory that [`Self::new`] made, to pass on.
    pub fn fd(&self) -> &OwnedFd {
        self.file.as_ref().expect("only the maker of the memory passes it on")
    }

    /// Copies from `earlier` what is known of the plugin: the lines and edges that ran.
    pub fn inherit(&mut self, earlier: &Self) {
        let known = earlier.copy(LINES_AT, (REQUEST_AT - LINES_AT) as u64, REQUEST_AT - LINES_AT);
        // SAFETY: this mapping has as many bytes there, and nothing has a reference to them.
        unsafe { std::ptr::copy_nonoverlapping(known.as_ptr(), self.base.add(LINES_AT), known.len()) };
        self.header().edges_taken.store(earlier.header().edges_taken.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The first page.
    pub fn header(&self) -> &Header {
        // SAFETY: the mapping is page-aligned, larger than the header and lives as long as `self`, and every field is
        // an atomic for which any bits are valid.
        unsafe { &*self.base.cast::<Header>() }
    }

    fn line_byte(&self, line: usize) -> Option<&AtomicU8> {
        // SAFETY: the index lies in the area of lines, as the condition says; code touches its bytes as atomics only.
        (line < LINES_LIMIT).then(|| unsafe { &*self.base.add(LINES_AT + line / 8).cast::<AtomicU8>() })
    }

    /// Marks a line, by its number, as run.
    pub fn mark_line(&self, line: usize) {
        if let Some(byte) = self.line_byte(line) {
            byte.fetch_or(1 << (line % 8), Ordering::Relaxed);
        }
    }

    /// Whether a line ran.
    pub fn is_line_marked(&self, line: usize) -> bool {
        self.line_byte(line).is_some_and(|byte| byte.load(Ordering::Relaxed) & (1 << (line % 8)) != 0)
    }

    /// Writes a batch. False if it is too large.
    pub fn write_request(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > REQUEST_LIMIT {
            return false;
        }
        // SAFETY: the area has room, as just checked; the other end reads it only after the command that comes later.
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

    /// How many bytes the reply area has left.
    pub fn reply_room(&self) -> usize {
        REPLY_LIMIT.saturating_sub(self.header().reply_bytes.load(Ordering::Relaxed) as usize)
    }

    /// Appends to the reply. False if there is no room.
    pub fn append_reply(&mut self, bytes: &[u8]) -> bool {
        let used = self.header().reply_bytes.load(Ordering::Relaxed) as usize;
        if used > REPLY_LIMIT || bytes.len() > REPLY_LIMIT - used {
            return false;
        }
        // SAFETY: the area has room, as just checked; the other end reads up to `reply_bytes`, which is raised after
        // this.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(REPLY_AT + used), bytes.len()) };
        self.header().reply_bytes.store((used + bytes.len()) as u64, Ordering::Release);
        true
    }

    /// A copy of the reply.
    pub fn read_reply(&self) -> Vec<u8> {
        self.copy(REPLY_AT, self.header().reply_bytes.load(Ordering::Acquire), REPLY_LIMIT)
    }

    pub(super) fn write_attempts(&self, at: usize, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(attempts::BYTES.saturating_sub(at))];
        let at = ATTEMPTS_AT + at.min(attempts::BYTES);
        // SAFETY: the bytes end inside the area, as just cut; readers take a copy and believe nothing in it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(at), bytes.len()) };
    }

    pub(super) fn read_attempts(&self, length: u32) -> Vec<u8> {
        self.copy(ATTEMPTS_AT, u64::from(length), attempts::BYTES)
    }

    fn copy(&self, at: usize, length: u64, limit: usize) -> Vec<u8> {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(limit);
        let mut bytes = vec![0_u8; length];
        // SAFETY: `at + limit` lies inside the mapping, and any value of a byte is valid, even if a plugin changes it
        // meanwhile.
        unsafe { std::ptr::copy_nonoverlapping(self.base.add(at), bytes.as_mut_ptr(), length) };
        bytes
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: no reference into the mapping is left, since all of them borrow from `self`.
        let _ = unsafe { rustix::mm::munmap(self.base.cast(), SIZE) };
    }
}

/// The monotonic clock in nanoseconds, the same in host and worker.
pub fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_mappings_see_the_same_batch_reply_and_lines() {
        let mut host = SharedMemory::new().unwrap();
        let mut worker = SharedMemory::map(host.fd()).unwrap();
        assert!(host.write_request(b"batch"));
        assert_eq!(worker.read_request(), b"batch");
        assert!(worker.append_reply(b"one") && worker.append_reply(b"two"));
        assert_eq!(host.read_reply(), b"onetwo");
        let worker = worker.map_again().unwrap();
        worker.mark_line(LINES_LIMIT - 1);
        worker.mark_line(LINES_LIMIT);
        let is_marked = |line| host.is_line_marked(line);
        assert!(is_marked(LINES_LIMIT - 1) && !is_marked(LINES_LIMIT - 2) && !is_marked(LINES_LIMIT));
    }

    #[test]
    fn lengths_that_a_plugin_wrote_over_are_cut_to_the_area() {
        let mut host = SharedMemory::new().unwrap();
        host.header().reply_bytes.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(host.read_reply().len(), REPLY_LIMIT);
        assert_eq!(host.reply_room(), 0);
        assert!(!host.append_reply(b"x"));
        assert!(!host.write_request(&vec![0; REQUEST_LIMIT + 1]));
    }
}
