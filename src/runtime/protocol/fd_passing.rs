//! PluginTokens with descriptors, from process to process.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{BorrowedFd, OwnedFd},
};

use rustix::{
    io::{Errno, retry_on_intr},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        recvmsg, sendmsg,
    },
};

/// The most that is said at once, in bytes.
const WORDS: usize = 64 << 10;
/// The most descriptors that go with it.
const HANDED: usize = 4;

/// Sends `words`, not empty, with `handed`.
///
/// # Errors
/// Where the other end is gone.
pub fn send(socket: &OwnedFd, words: &[u8], handed: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(HANDED))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !handed.is_empty() && !control.push(SendAncillaryMessage::ScmRights(handed)) {
        return Err(Errno::INVAL.into());
    }
    retry_on_intr(|| sendmsg(socket, &[IoSlice::new(words)], &mut control, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives words, and the descriptors that came with them. No words: the other end is gone.
///
/// # Errors
/// Where nothing can be received.
pub fn receive(socket: &OwnedFd) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut words = vec![0; WORDS];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(HANDED))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        retry_on_intr(|| recvmsg(socket, &mut [IoSliceMut::new(&mut words)], &mut control, RecvFlags::CMSG_CLOEXEC))?;
    words.truncate(received.bytes);
    let handed = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(handed) => Some(handed),
        _ => None,
    });
    let handed = handed.flatten().collect();
    Ok((words, handed))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    #[test]
    fn words_and_descriptors_arrive_together() {
        let (here, there) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        send(&here, b"words", &[writer.as_fd(), reader.as_fd()]).unwrap();
        let (words, handed) = receive(&there).unwrap();
        assert_eq!((words.as_slice(), handed.len()), (&b"words"[..], 2));
        rustix::io::write(&handed[0], b"x").unwrap();
        drop((writer, handed));
        assert_eq!(io::read_to_string(reader).unwrap(), "x");
        drop(here);
        assert!(receive(&there).unwrap().0.is_empty());
    }
}
