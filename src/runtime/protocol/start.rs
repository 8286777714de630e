//! What a worker is started with, and what it answers. The host starts a guardian, and the guardian executes the
//! worker: so the same descriptors pass through two programs, as numbers on the command line.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use rustix::io::{FdFlags, fcntl_setfd};
use serde::{Deserialize, Serialize};

use super::interpreter::Interpreter;
use crate::runtime::sandbox::{Confinement, MissingProtections};

/// The descriptors through which a worker and its host reach each other.
#[derive(Debug)]
pub struct Channels {
    /// The host's commands to the zygote, and its replies.
    pub control: OwnedFd,
    /// Batches to a runner, and its replies.
    pub data: OwnedFd,
    /// The shared memory.
    pub shared: OwnedFd,
    /// What the plugin writes to standard output.
    pub stdout: OwnedFd,
    /// What the plugin writes to standard error.
    pub stderr: OwnedFd,
    /// The stacks that `faulthandler` writes.
    pub fault: OwnedFd,
}

impl Channels {
    /// All of them, in the order of the command line.
    pub fn all(&self) -> [BorrowedFd<'_>; 6] {
        [&self.control, &self.data, &self.shared, &self.stdout, &self.stderr, &self.fault].map(AsFd::as_fd)
    }

    /// The channels with those numbers, in the order of [`Self::all`].
    ///
    /// # Safety
    /// The descriptors must be open, and nothing else in this process may own one of them.
    unsafe fn of(numbers: [RawFd; 6]) -> Self {
        // SAFETY: the caller promises it.
        let [control, data, shared, stdout, stderr, fault] = numbers.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        Self { control, data, shared, stdout, stderr, fault }
    }
}

/// Says whether a program that this process executes gets the descriptors.
///
/// # Errors
/// If one of them is not open.
pub fn pass_on<'a>(descriptors: impl IntoIterator<Item = BorrowedFd<'a>>, are_passed: bool) -> io::Result<()> {
    let flags = if are_passed { FdFlags::empty() } else { FdFlags::CLOEXEC };
    descriptors.into_iter().try_for_each(|fd| Ok(fcntl_setfd(fd, flags)?))
}

/// What the guardian is started with.
#[derive(Debug)]
pub(crate) struct GuardianArguments {
    pub(crate) channels: Channels,
    pub(crate) confinement: Confinement,
    /// The scratch folder.
    pub(crate) scratch: OsString,
    /// The worker's program.
    pub(crate) worker: OsString,
}

impl GuardianArguments {
    /// The arguments as words of a command line.
    pub(crate) fn to_words(&self) -> Vec<OsString> {
        let mut words = numbers(self.channels.all());
        words.push(self.confinement.bits().to_string().into());
        words.extend([self.scratch.clone(), self.worker.clone()]);
        words
    }

    /// Takes over the descriptors that the words name; `None` if a person wrote the words.
    ///
    /// # Safety
    /// The words must be those of this process, which does not yet use any of the descriptors.
    pub(crate) unsafe fn from_words(words: &[OsString]) -> Option<Self> {
        let (numbers, rest) = words.split_first_chunk::<6>()?;
        let [confinement, scratch, worker] = rest else { return None };
        let confinement = Confinement::from_bits(number(confinement)?);
        let numbers = all_numbers(numbers)?;
        // SAFETY: the host opened them for this process, as the caller promises.
        let channels = unsafe { Channels::of(numbers) };
        Some(Self { channels, confinement, scratch: scratch.clone(), worker: worker.clone() })
    }
}

/// What a worker is started with.
#[derive(Debug)]
pub struct WorkerArguments {
    /// The channels to the host.
    pub channels: Channels,
    /// The socket to the guardian.
    pub link: OwnedFd,
    /// The scratch folder, if it is mounted for this worker alone: the host reaches it through this descriptor only.
    pub scratch: Option<OwnedFd>,
    /// How to confine the plugin.
    pub confinement: Confinement,
    /// The protections that the guardian could not set up.
    pub missing: MissingProtections,
}

impl WorkerArguments {
    /// The arguments as words of a command line.
    pub fn to_words(&self) -> Vec<OsString> {
        let mut words = numbers(self.channels.all());
        words.extend(numbers([self.link.as_fd()]));
        words.push(self.confinement.bits().to_string().into());
        words.push(self.missing.bits().to_string().into());
        words.extend(numbers(self.scratch.iter().map(AsFd::as_fd)));
        words
    }

    /// All descriptors among the arguments.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let more = [&self.link].into_iter().chain(&self.scratch).map(AsFd::as_fd);
        self.channels.all().into_iter().chain(more)
    }

    /// Takes over the descriptors that the words name; `None` if a person wrote the words.
    ///
    /// # Safety
    /// The words must be those of this process, which does not yet use any of the descriptors.
    pub unsafe fn from_words(words: &[OsString]) -> Option<Self> {
        let (numbers, rest) = words.split_first_chunk::<6>()?;
        let (link, confinement, missing, scratch) = match rest {
            [link, confinement, missing] => (link, confinement, missing, None),
            [link, confinement, missing, scratch] => (link, confinement, missing, Some(number::<RawFd>(scratch)?)),
            _ => return None,
        };
        let (link, numbers) = (number(link)?, all_numbers(numbers)?);
        let confinement = Confinement::from_bits(number(confinement)?);
        let missing = MissingProtections::from_bits(number(missing)?);
        // SAFETY: the guardian left them open for this process, as the caller promises.
        unsafe {
            Some(Self {
                channels: Channels::of(numbers),
                link: OwnedFd::from_raw_fd(link),
                scratch: scratch.map(|fd| OwnedFd::from_raw_fd(fd)),
                confinement,
                missing,
            })
        }
    }
}

fn numbers<'a>(descriptors: impl IntoIterator<Item = BorrowedFd<'a>>) -> Vec<OsString> {
    descriptors.into_iter().map(|fd| fd.as_raw_fd().to_string().into()).collect()
}

fn number<T: std::str::FromStr>(word: &OsStr) -> Option<T> {
    word.to_str()?.parse().ok()
}

fn all_numbers(words: &[OsString; 6]) -> Option<[RawFd; 6]> {
    let numbers: Option<Vec<RawFd>> = words.iter().map(|word| number(word)).collect();
    numbers?.try_into().ok()
}

/// What a worker reports about itself, with [`STARTED`](super::control::reply::STARTED).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The version of hookstorm that it belongs to.
    pub version: String,
    /// The Python that it embeds.
    pub python: Interpreter,
}

impl Started {
    /// The version that the host and its worker must have in common.
    pub const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// A worker of this version that embeds `python`.
    pub fn new(python: Interpreter) -> Self {
        Self { version: Self::VERSION.to_owned(), python }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels() -> Channels {
        let null = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        Channels { control: null(), data: null(), shared: null(), stdout: null(), stderr: null(), fault: null() }
    }

    #[test]
    fn a_worker_reads_the_arguments_that_its_guardian_wrote() {
        let mut missing = MissingProtections::default();
        missing.add(crate::runtime::sandbox::Protection::Files);
        for scratch in [None, Some(OwnedFd::from(std::fs::File::open("/").unwrap()))] {
            let link = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
            let confinement = Confinement::from_bits(5);
            let written = WorkerArguments { channels: channels(), link, scratch, confinement, missing };
            let words = written.to_words();
            let descriptors = written.descriptors().count();
            // Only one of the two owns the descriptors.
            std::mem::forget(written);
            // SAFETY: they are open, and their first owner is forgotten.
            let read = unsafe { WorkerArguments::from_words(&words) }.unwrap();
            assert_eq!((read.to_words(), read.descriptors().count()), (words, descriptors));
        }
    }

    #[test]
    fn words_of_a_person_are_no_arguments() {
        for words in ["", "--help", "1 2 3", "a b c d e f g h i", "3 4 5 6 7 8 9 10", "3 4 5 6 7 8 9 0 0 0 0"] {
            let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
            // SAFETY: nothing is taken over, since none of them are arguments.
            assert!(unsafe { WorkerArguments::from_words(&words) }.is_none(), "{words:?}");
        }
        let words = [OsString::from("3")];
        // SAFETY: as above.
        assert!(unsafe { GuardianArguments::from_words(&words) }.is_none());
    }
}
