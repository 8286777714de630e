//! Facts about the kernel that are not in a file.

/// The version of Landlock's interface that the kernel has, from 1.
///
/// # Errors
/// [`NoLandlock`] if it has none.
pub(crate) fn landlock_version() -> Result<u32, NoLandlock> {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with this flag, no rules and a size of 0 the call returns a number and changes nothing, as the kernel's
    // documentation says.
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
    /// The kernel does not know it: it is older than 5.13, or it was built without it.
    Unknown,
    /// The kernel knows it and was started without it.
    Disabled,
    /// Something that filters our system calls refuses to ask the kernel.
    Refused,
}
