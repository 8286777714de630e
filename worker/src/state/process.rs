//! The state of the process that is not Python's: environment, working folder, signal handlers.

use std::ffi::{CStr, c_char};

/// The signals for which programs set handlers.
pub(super) const SIGNALS: [i32; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGALRM, libc::SIGCHLD];

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// Calls `visit` with the address of each string of the environment until it returns false.
fn each_variable(mut visit: impl FnMut(usize) -> bool) {
    // SAFETY: only this thread changes the environment, and not during this loop; the array ends with null.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() && visit(*entry as usize) {
            entry = entry.add(1);
        }
    }
}

/// The addresses of the environment's strings: `setenv` never writes over a string that is in use.
pub(super) fn environment_at() -> Vec<usize> {
    let mut at = Vec::new();
    each_variable(|address| {
        at.push(address);
        true
    });
    at
}

/// Whether the environment has the strings at these addresses, and no others.
pub(super) fn is_environment_at(at: &[usize]) -> bool {
    let mut count = 0;
    let mut same = true;
    each_variable(|address| {
        same &= at.get(count) == Some(&address);
        count += 1;
        same
    });
    same && count == at.len()
}

/// The path of the working folder; empty if it is gone.
pub(super) fn working_folder() -> Vec<u8> {
    let mut buffer = [0_u8; 4096];
    // SAFETY: the buffer has the given length; the result is null, or the buffer with a NUL in it.
    unsafe {
        if libc::getcwd(buffer.as_mut_ptr().cast(), buffer.len()).is_null() {
            return Vec::new();
        }
    }
    CStr::from_bytes_until_nul(&buffer).map_or_else(|_| Vec::new(), |path| path.to_bytes().to_vec())
}

/// The handlers of those signals.
pub(super) fn signals() -> [usize; SIGNALS.len()] {
    SIGNALS.map(|signal| {
        // SAFETY: with a null action the call only reads, into a structure of the right type.
        unsafe {
            let mut action = std::mem::zeroed::<libc::sigaction>();
            libc::sigaction(signal, std::ptr::null(), &raw mut action);
            action.sa_sigaction
        }
    })
}
