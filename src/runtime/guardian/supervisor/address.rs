//! Addresses in the memory of a process whose system call waits.

use std::{
    fs::File,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::PathBuf,
};

/// The longest address that the kernel takes.
const LIMIT: u64 = 128;

/// The address of a socket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// IPv4 or IPv6.
    Internet(SocketAddr),
    /// A Unix socket with a path.
    Path(PathBuf),
    /// A Unix socket with an abstract name.
    Abstract(String),
    /// Anything else: no address, or a family that reaches the kernel only.
    Other,
}

impl Address {
    /// Reads the one at `at` in the memory of a process; `None` if it cannot be read.
    pub(super) fn read(pid: u32, at: u64, length: u64) -> Option<Self> {
        bytes(pid, at, length.min(LIMIT)).map(|bytes| Self::of(&bytes))
    }

    /// The one in these bytes.
    fn of(bytes: &[u8]) -> Self {
        Self::known(bytes).unwrap_or(Self::Other)
    }

    fn known(bytes: &[u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first_chunk::<2>()?;
        match i32::from(u16::from_ne_bytes(*family)) {
            libc::AF_INET => {
                let (port, rest) = rest.split_first_chunk::<2>()?;
                let address = Ipv4Addr::from(*rest.first_chunk::<4>()?);
                Some(Self::Internet(SocketAddr::new(address.into(), u16::from_be_bytes(*port))))
            }
            libc::AF_INET6 => {
                let (port, rest) = rest.split_first_chunk::<2>()?;
                let address = Ipv6Addr::from(*rest.get(4..)?.first_chunk::<16>()?);
                Some(Self::Internet(SocketAddr::new(address.into(), u16::from_be_bytes(*port))))
            }
            libc::AF_UNIX => match rest.split_first() {
                None => Some(Self::Other),
                Some((0, name)) => Some(Self::Abstract(String::from_utf8_lossy(name).into_owned())),
                Some(_) => {
                    let path = rest.split(|&byte| byte == 0).next().unwrap_or_default();
                    Some(Self::Path(PathBuf::from(std::ffi::OsStr::from_bytes(path))))
                }
            },
            _ => Some(Self::Other),
        }
    }
}

/// Bytes of a process's memory; `None` if not all of them can be read.
pub(super) fn bytes(pid: u32, at: u64, length: u64) -> Option<Vec<u8>> {
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    memory.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(family: i32, rest: &[u8]) -> Address {
        Address::of(&[&(family as u16).to_ne_bytes(), rest].concat())
    }

    #[test]
    fn addresses_are_read_as_the_kernel_reads_them() {
        let v4 = of(libc::AF_INET, &[1, 187, 10, 0, 0, 1, 0, 0]);
        assert_eq!(v4, Address::Internet("10.0.0.1:443".parse().unwrap()));
        let mut v6 = vec![1, 187, 0, 0, 0, 0];
        v6.extend(Ipv6Addr::LOCALHOST.octets());
        assert_eq!(of(libc::AF_INET6, &v6), Address::Internet("[::1]:443".parse().unwrap()));
        assert_eq!(of(libc::AF_UNIX, b"/run/x\0rest"), Address::Path("/run/x".into()));
        assert_eq!(of(libc::AF_UNIX, b"\0name"), Address::Abstract("name".into()));
    }

    #[test]
    fn an_address_that_is_cut_off_leads_nowhere() {
        for bytes in [&b""[..], b"\x02", b"\x02\0\x01", b"\x0a\0\x01\xbb\0\0\0\0\0"] {
            assert_eq!(Address::of(bytes), Address::Other, "{bytes:?}");
        }
        assert_eq!(of(libc::AF_UNIX, b""), Address::Other);
    }

    #[test]
    fn memory_that_is_not_mapped_is_not_read() {
        let text = b"here".to_vec();
        assert_eq!(bytes(std::process::id(), text.as_ptr() as u64, 4).as_deref(), Some(&b"here"[..]));
        assert_eq!(bytes(std::process::id(), 8, 4), None);
    }
}
