//! Packets with descriptors, from process to process.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    path::PathBuf,
};

use rustix::{
    io::{Errno, retry_on_intr},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        recvmsg, sendmsg,
    },
};

/// The longest packet, in bytes.
const BYTES_LIMIT: usize = 64 << 10;
/// How many descriptors a packet can carry.
const DESCRIPTORS_LIMIT: usize = 4;

/// Sends `bytes`, which must not be empty, with copies of `descriptors`.
///
/// # Errors
/// If nobody has the other end of the socket open.
pub fn send(socket: &OwnedFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_LIMIT))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::INVAL.into());
    }
    retry_on_intr(|| sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives a packet and the descriptors that came with it. An empty packet means that the other end is closed.
///
/// # Errors
/// If the kernel cannot receive from the socket.
pub fn receive(socket: &OwnedFd) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; BYTES_LIMIT];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_LIMIT))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        retry_on_intr(|| recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC))?;
    bytes.truncate(received.bytes);
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let descriptors = descriptors.flatten().collect();
    Ok((bytes, descriptors))
}

/// The path at which this process reaches a file or folder that it has open, wherever that is mounted.
pub(crate) fn path_of(descriptor: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    #[test]
    fn bytes_and_descriptors_arrive_together() {
        let (here, there) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        send(&here, b"bytes", &[writer.as_fd(), reader.as_fd()]).unwrap();
        let (bytes, descriptors) = receive(&there).unwrap();
        assert_eq!((bytes.as_slice(), descriptors.len()), (&b"bytes"[..], 2));
        rustix::io::write(&descriptors[0], b"x").unwrap();
        drop((writer, descriptors));
        assert_eq!(io::read_to_string(reader).unwrap(), "x");
        drop(here);
        assert!(receive(&there).unwrap().0.is_empty());
    }
}
