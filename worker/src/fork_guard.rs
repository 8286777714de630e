//! Tells a process from the children that a plugin forks in it.

use std::io;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};

/// A mark that a child of this process does not have.
pub(crate) struct ForkGuard(*mut u8);

impl ForkGuard {
    /// Marks this process.
    pub(crate) fn new() -> io::Result<Self> {
        let size = rustix::param::page_size();
        // SAFETY: a new mapping at an address of the kernel's choice; nothing else uses the page, and it is never
        // unmapped.
        unsafe {
            let page =
                mmap_anonymous(std::ptr::null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)?;
            madvise(page, size, Advice::LinuxWipeOnFork)?;
            page.cast::<u8>().write_volatile(1);
            Ok(Self(page.cast()))
        }
    }

    /// Whether this is the process that was marked. A child finds the page empty.
    pub(crate) fn is_here(&self) -> bool {
        // SAFETY: the page stays mapped, here and in children.
        unsafe { self.0.read_volatile() == 1 }
    }
}
