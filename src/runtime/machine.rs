//! What the kernel says of itself where that takes more than reading a file.

/// The version of Landlock's interface that the kernel offers, from 1.
///
/// # Errors
/// [`NoLandlock`] where it offers none.
pub(crate) fn landlock_version() -> Result<u32, NoLandlock> {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with this flag, no rules and a size of 0, as the kernel's documentation has it, the call makes nothing, writes
    // nowhere, and returns a number.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    match u32::try_from(version) {
        Ok(version @ 1..) => Ok(version),
        _ => Err(match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EOPNOTSUPP) => NoLandlock::Disabled,
            Some(libc::ENOSYS) => NoLandlock::Unknown,
            _ => NoLandlock::Refused,
        }),
    }
}

/// Why there is no Landlock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoLandlock {
    /// The kernel does not know it: it is older than 5.13, or was built without.
    Unknown,
    /// The kernel knows it and was started without it.
    Disabled,
    /// Something between us and the kernel refuses to ask.
    Refused,
}
