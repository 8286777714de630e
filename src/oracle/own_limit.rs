//! Exceptions that come from a limit of hookstorm, not from the plugin: a full folder, an output that is too long, too
//! many descriptors or processes. They are reported as that limit, as a `sandbox-violation`.

use crate::{
    finding::{Draft, Finding, Rule},
    trace::{Attempt, AttemptKind, CapturedOutput, Exception, Origin, limits},
};

const EAGAIN: i32 = 11;
const EMFILE: i32 = 24;
const EFBIG: i32 = 27;
const ENOSPC: i32 = 28;
/// So much less than the limit is still the limit: a stream of a process begins where its last call ended.
const NEAR_BYTES: u64 = limits::FILE_BYTES - (1 << 20);

/// What a call or a step of loading did when it raised.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    pub(super) attempts: &'a [Attempt],
    /// Standard output and error, where they are known.
    pub(super) outputs: [Option<&'a CapturedOutput>; 2],
}

/// The finding, if `exception` comes from a limit of ours.
pub(super) fn reached(exception: &Exception, seen: Circumstances<'_>) -> Option<Draft> {
    let (detail, what) =
        exception.errnos().find_map(|number| limit(number, exception, seen)).or_else(|| full(exception))?;
    let message =
        format!("{what}; that is hookstorm's limit, and the exception `{}` comes from it", exception.type_name);
    let hint = match detail {
        "limit descriptors" => "close files and connections that are no longer needed, with `with` for instance",
        "limit processes" => "start fewer processes, and wait for each of them",
        _ => {
            "write less, or remove what is no longer needed; catch `OSError` where it is written, since a disk can \
             be full"
        }
    };
    let reason = "hookstorm limits what a test may use of the machine, and what an appliance has is limited too";
    Some(Finding::draft(Rule::SandboxViolation, message).detail(detail).hint(hint.to_owned()).reason(reason.to_owned()))
}

fn limit(number: i32, exception: &Exception, seen: Circumstances<'_>) -> Option<(&'static str, String)> {
    match number {
        EFBIG => Some(too_large(seen)),
        ENOSPC => Some(folders_are_full()),
        EMFILE => Some(("limit descriptors", format!("opened more than {} descriptors at once", limits::DESCRIPTORS))),
        EAGAIN if starts_processes(exception, seen.attempts) => {
            Some(("limit processes", format!("started more processes than the {} that a call may", limits::PROCESSES)))
        }
        _ => None,
    }
}

fn folders_are_full() -> (&'static str, String) {
    ("limit folders", format!("wrote more to its folders than the {} MB that a session may", limits::FOLDERS_MB))
}

/// SQLite does not pass on the number of the system's error.
fn full(exception: &Exception) -> Option<(&'static str, String)> {
    let is_full = exception.type_name == "sqlite3.OperationalError" && exception.message == "database or disk is full";
    is_full.then(folders_are_full)
}

fn too_large(seen: Circumstances<'_>) -> (&'static str, String) {
    let names = ["standard output", "standard error"];
    let long = names.into_iter().zip(seen.outputs).filter_map(|(name, output)| Some((name, output?.bytes)));
    match long.max_by_key(|(_, bytes)| *bytes).filter(|(_, bytes)| *bytes >= NEAR_BYTES) {
        Some((name, _)) => {
            ("limit output", format!("wrote more than {} GB to {name} in one call", limits::FILE_BYTES >> 30))
        }
        None => ("limit file", format!("wrote more than {} GB to one file", limits::FILE_BYTES >> 30)),
    }
}

/// Whether the exception comes from starting a process: a socket that does not wait has the same number.
fn starts_processes(exception: &Exception, attempts: &[Attempt]) -> bool {
    const STARTS: [&str; 6] = ["_execute_child", "_launch", "fork", "forkpty", "posix_spawn", "start_new_thread"];
    attempts.iter().any(|attempt| attempt.kind == AttemptKind::Start)
        || exception
            .frames
            .first()
            .is_some_and(|frame| frame.origin == Origin::StandardLibrary && STARTS.contains(&frame.function.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::testing::{exception, frame};

    fn said(errno: i32, message: &str, stdout: u64, attempts: &[Attempt]) -> Option<String> {
        let exception = Exception { errno: Some(errno), ..exception("OSError", message, vec![frame("save", 3)]) };
        let stdout = CapturedOutput { bytes: stdout, ..CapturedOutput::default() };
        let finding = reached(&exception, Circumstances { attempts, outputs: [Some(&stdout), None] })?.finish();
        assert_eq!(finding.rule, Rule::SandboxViolation);
        Some(finding.message.split("; that is hookstorm's limit").next().unwrap().to_owned())
    }

    #[test]
    fn each_limit_has_its_words() {
        let large = Some("wrote more than 1 GB to standard output in one call".to_owned());
        assert_eq!(said(EFBIG, "[Errno 27] File too large", 1 << 30, &[]), large);
        assert_eq!(said(EFBIG, "", 7, &[]), Some("wrote more than 1 GB to one file".into()));
        assert_eq!(
            said(ENOSPC, "", 0, &[]),
            Some("wrote more to its folders than the 256 MB that a session may".into())
        );
        assert_eq!(said(EMFILE, "", 0, &[]), Some("opened more than 1024 descriptors at once".into()));
    }

    #[test]
    fn an_error_that_has_nothing_to_do_with_a_limit_is_the_plugins() {
        // A socket that does not wait.
        assert_eq!(said(EAGAIN, "[Errno 11] Resource temporarily unavailable", 0, &[]), None);
        let start = Attempt { kind: AttemptKind::Start, target: String::new(), frames: Vec::new() };
        assert!(said(EAGAIN, "", 0, &[start]).unwrap().starts_with("started more processes than the 256"));
        assert_eq!(said(2, "[Errno 2] No such file or directory: 'x'", 1 << 30, &[]), None);
    }

    #[test]
    fn the_number_may_be_that_of_a_cause() {
        let cause = crate::trace::Cause { type_name: "OSError".into(), message: String::new(), errno: Some(ENOSPC) };
        let error = Exception { causes: vec![cause], ..exception("main.CacheError", "cannot save", vec![]) };
        let none = Circumstances { attempts: &[], outputs: [None, None] };
        assert!(reached(&error, none).is_some());
        let full = exception("sqlite3.OperationalError", "database or disk is full", vec![]);
        assert!(reached(&full, none).is_some());
    }
}
