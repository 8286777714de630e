//! Captured output: files in memory to which several processes write, and which readers read by position.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::fs::FileExt,
    },
};

use crate::trace::CapturedOutput;

/// A file in memory.
#[derive(Debug)]
pub struct Capture {
    file: File,
}

impl Capture {
    const KEPT: u64 = CapturedOutput::KEPT;

    /// A new one, empty.
    ///
    /// # Errors
    /// If the kernel has no memory to give.
    pub fn new(name: &str) -> io::Result<Self> {
        let file = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::APPEND | rustix::fs::OFlags::RDWR)?;
        Ok(Self::of(file))
    }

    /// The one behind a descriptor.
    pub fn of(file: OwnedFd) -> Self {
        Self { file: File::from(file) }
    }

    /// The number of the descriptor.
    pub fn raw(&self) -> i32 {
        self.file.as_raw_fd()
    }

    /// The descriptor.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// How many bytes were written since it was emptied.
    pub fn size(&self) -> u64 {
        rustix::fs::seek(&self.file, rustix::fs::SeekFrom::End(0)).unwrap_or(0)
    }

    /// Empties it.
    pub fn clear(&self) {
        let _ = self.file.set_len(0);
    }

    /// Frees the memory between the beginning and the end of what was written since `start`. Both stay, so that ten
    /// gigabytes cost no more than [`CapturedOutput::KEPT`] twice.
    pub fn trim(&self, start: u64) {
        let end = self.size();
        // A plugin can write over the position at which its output began.
        if end > start.saturating_add(4 << 20) {
            let from = start + Self::KEPT;
            let length = end - Self::KEPT - from;
            let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
            let _ = rustix::fs::fallocate(&self.file, flags, from, length);
        }
    }

    /// What was written from `start` to `end`: all of it if it is short, otherwise its beginning and its end.
    pub fn read(&self, start: u64, end: u64) -> CapturedOutput {
        let read = |from: u64, to: u64| {
            let mut bytes = vec![0_u8; (to - from) as usize];
            let mut filled = 0;
            while filled < bytes.len()
                && let Ok(count @ 1..) = self.file.read_at(&mut bytes[filled..], from + filled as u64)
            {
                filled += count;
            }
            bytes.truncate(filled);
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
        };
        let bytes = end.saturating_sub(start);
        let text = match bytes {
            0 => String::new(),
            1..=CapturedOutput::WHOLE => read(start, end),
            _ => {
                let (beginning, ending) = (read(start, start + Self::KEPT), read(end - Self::KEPT, end));
                format!("{beginning}{}{ending}", CapturedOutput::gap(bytes))
            }
        };
        CapturedOutput { text, bytes, records: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

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
