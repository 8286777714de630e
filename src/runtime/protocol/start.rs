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
    /// The folder with the plugin's state folders, if they are not in the scratch folder; else empty.
    pub(crate) state: OsString,
    /// Other files and folders that the worker needs, wherever they are: its own mounts must not hide them.
    pub(crate) needed: Vec<OsString>,
}

impl GuardianArguments {
    /// The arguments as words of a command line.
    pub(crate) fn to_words(&self) -> Vec<OsString> {
        let mut words = numbers(self.channels.all());
        words.push(self.confinement.bits().to_string().into());
        words.extend([self.scratch.clone(), self.worker.clone(), self.state.clone()]);
        words.extend(self.needed.iter().cloned());
        words
    }

    /// Takes over the descriptors that the words name; `None` if a person, or a plugin, wrote the words.
    ///
    /// # Safety
    /// The words must be those of this process, which does not yet use any of the descriptors.
    pub(crate) unsafe fn from_words(words: &[OsString]) -> Option<Self> {
        let (numbers, rest) = words.split_first_chunk::<6>()?;
        let [confinement, scratch, worker, state, needed @ ..] = rest else { return None };
        let confinement = Confinement::from_bits(number(confinement)?);
        let numbers = all_numbers(numbers)?;
        if !can_be_owned(&numbers) {
            return None;
        }
        // SAFETY: the host opened them for this process, as the caller promises.
        let channels = unsafe { Channels::of(numbers) };
        let (scratch, worker, state) = (scratch.clone(), worker.clone(), state.clone());
        Some(Self { channels, confinement, scratch, worker, state, needed: needed.to_vec() })
    }
}

/// What a worker is started with.
#[derive(Debug)]
pub struct WorkerArguments {
    /// The channels to the host.
    pub channels: Channels,
    /// The socket to the guardian.
    pub link: OwnedFd,
    /// The path of the scratch folder.
    pub scratch_path: OsString,
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
        words.push(self.scratch_path.clone());
        words.extend(numbers(self.scratch.iter().map(AsFd::as_fd)));
        words
    }

    /// All descriptors among the arguments.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let more = [&self.link].into_iter().chain(&self.scratch).map(AsFd::as_fd);
        self.channels.all().into_iter().chain(more)
    }

    /// Takes over the descriptors that the words name; `None` if a person, or a plugin, wrote the words.
    ///
    /// # Safety
    /// The words must be those of this process, which does not yet use any of the descriptors.
    pub unsafe fn from_words(words: &[OsString]) -> Option<Self> {
        let (numbers, rest) = words.split_first_chunk::<6>()?;
        let [link, confinement, missing, scratch_path, scratch @ ..] = rest else { return None };
        let scratch = match scratch {
            [] => None,
            [scratch] => Some(number::<RawFd>(scratch)?),
            _ => return None,
        };
        let (link, numbers) = (number(link)?, all_numbers(numbers)?);
        let confinement = Confinement::from_bits(number(confinement)?);
        let missing = MissingProtections::from_bits(number(missing)?);
        let all: Vec<RawFd> = numbers.into_iter().chain([link]).chain(scratch).collect();
        if !can_be_owned(&all) {
            return None;
        }
        // SAFETY: the guardian left them open for this process, as the caller promises.
        unsafe {
            Some(Self {
                channels: Channels::of(numbers),
                link: OwnedFd::from_raw_fd(link),
                scratch_path: scratch_path.clone(),
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

/// Whether each of these is an open descriptor that can have an owner: none is a standard stream, none is named twice.
/// Words of somebody else may be any numbers, and to close a descriptor that is not open would be a fault of ours.
fn can_be_owned(numbers: &[RawFd]) -> bool {
    numbers.iter().enumerate().all(|(at, &number)| {
        // SAFETY: this reads a flag of a descriptor and touches no memory; if none is open, it only fails.
        number > 2 && !numbers[..at].contains(&number) && unsafe { libc::fcntl(number, libc::F_GETFD) } != -1
    })
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
    /// The longest version, in bytes.
    const VERSION_LIMIT: usize = 64;

    /// Reads the JSON that a program sent which should be a worker. `None` if no worker sends that: the host shows the
    /// versions and makes paths of them, and the program may be any.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        let started: Self = serde_json::from_slice(json).ok()?;
        let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '+');
        let is_version = |text: &str| (1..=Self::VERSION_LIMIT).contains(&text.len()) && text.chars().all(is_plain);
        (is_version(&started.version) && is_version(&started.python.version)).then_some(started)
    }

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
            let scratch_path = "/scratch".into();
            let written = WorkerArguments { channels: channels(), link, scratch_path, scratch, confinement, missing };
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
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        for text in ["", "--help", "1 2 3", "a b c d e f g h i", "3 4 5 6 7 8 9 10", "3 4 5 6 7 8 9 0 0 0 0"] {
            // SAFETY: nothing is taken over, since none of them are arguments.
            assert!(unsafe { WorkerArguments::from_words(&words(text)) }.is_none(), "{text}");
        }
        // SAFETY: as above.
        assert!(unsafe { GuardianArguments::from_words(&words("3")) }.is_none());
    }

    #[test]
    fn numbers_that_are_not_open_or_are_named_twice_are_no_arguments() {
        let open = channels();
        let mut numbers = open.all().map(|fd| fd.as_raw_fd());
        let is_read = |numbers: &[RawFd; 6]| {
            let mut words: Vec<OsString> = numbers.iter().map(|number| number.to_string().into()).collect();
            words.extend(["0", "/scratch", "/worker", ""].map(OsString::from));
            // SAFETY: what is read is forgotten, so that `open` stays the only owner.
            let read = unsafe { GuardianArguments::from_words(&words) };
            let is_read = read.is_some();
            std::mem::forget(read);
            is_read
        };
        assert!(is_read(&numbers));
        for other in [numbers[0], 0, 1, 2, -1, 1 << 20] {
            numbers[5] = other;
            assert!(!is_read(&numbers), "{other}");
        }
    }

    #[test]
    fn a_version_that_no_worker_has_is_not_read() {
        let read = |version: &str, python: &str| {
            let python = serde_json::json!({ "version": python, "executable": "/usr/bin/python3" });
            Started::read(serde_json::json!({ "version": version, "python": python }).to_string().as_bytes())
        };
        assert!(read("0.2.0-rc.1", "3.11").is_some());
        for version in ["", "\x1b[2J", "1.0\n", "../../x", "0.1.0\u{202e}", &"1".repeat(65)] {
            assert!(read(version, "3.11").is_none() && read("0.1.0", version).is_none(), "{version:?}");
        }
        assert_eq!(Started::read(b"{}"), None);
    }
}
