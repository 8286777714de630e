//! Archives that users and attackers make: the program finds what is wrong, and leaves neither files nor processes,
//! even if the run is interrupted.

mod program;

use std::{
    io::{BufRead, BufReader, Cursor, Read, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use hookstorm::contract::ARCHIVE_BYTES_LIMIT;
use program::{Desk, Ran, folder, zip, zip_of};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

const MANIFEST: &[u8] =
    b"api: \"1.0\"\ntype: credentialstore\nname: Archived\nversion: \"1.0\"\ndescription: x\nentry_point: main.py\n";
const MAIN: &[u8] = b"class Plugin:
    def get_password_list(self):
        return None
    get_private_key_list = authentication_completed = session_ended = get_password_list
";

/// What `check` says of this archive.
fn check(archive: &[u8]) -> Ran {
    let desk = Desk::new();
    desk.write("plugin.zip", archive);
    desk.run(&["check", "plugin.zip", "--format", "json"])
}

/// The archive with `from` in the place of `to`, of the same length, in every header.
fn renamed(mut archive: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> =
        (0..archive.len() - from.len()).filter(|&at| archive[at..].starts_with(from.as_bytes())).collect();
    assert_eq!(places.len(), 2, "a local header and one of the directory");
    for at in places {
        archive[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    archive
}

#[test]
fn an_ordinary_archive_is_silent() {
    let ran = check(&zip([("MANIFEST", MANIFEST), ("main.py", MAIN)]));
    assert_eq!((ran.status, ran.rules()), (Some(0), vec![]), "{ran:?}");
}

/// The archive of a plugin that imports `vendor._sealed`, with that extension module for a version of Python.
fn with_binary_module(tag: &str) -> Vec<u8> {
    let main = [b"from vendor import _sealed\n\n\n", MAIN].concat();
    let module = format!("vendor/_sealed.cpython-{tag}-x86_64-linux-gnu.so");
    zip([("MANIFEST", MANIFEST), ("main.py", &main), ("vendor/__init__.py", b""), (&module, b"the name counts")])
}

#[test]
fn a_module_for_another_python_than_the_platforms_is_one_error() {
    let ran = check(&with_binary_module("37"));
    assert_eq!((ran.status, ran.rules()), (Some(1), vec!["binary-module-mismatch".to_owned()]), "{ran:?}");
}

#[test]
fn a_module_that_fits_the_platform_and_not_this_python_is_no_finding_and_no_success() {
    let desk = Desk::new();
    // Platform 8.0 has Python 3.8, with which hookstorm cannot be built.
    desk.write("plugin.zip", with_binary_module("38"));
    let ran = desk.run(&["check", "plugin.zip", "--platform", "8.0"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("is built for Python 3.8, as platform 8.0 has it"), "{ran:?}");
    for arguments in [
        &["test", "plugin.zip", "--runs", "10"][..],
        &["fuzz", "plugin.zip", "--runs", "10"],
        &["run", "plugin.zip", "--hook", "session_ended"],
        &["load", "plugin.zip", "--rate", "5/s", "--duration", "1s"],
    ] {
        let ran = desk.run(&[arguments, &["--platform", "8.0"]].concat());
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("error: `vendor/_sealed.cpython-38-x86_64-linux-gnu.so` is built for"), "{ran:?}");
        assert!(ran.stderr.contains("it can only check the package: `hookstorm check`"), "{ran:?}");
    }
}

#[test]
fn what_is_no_archive_is_unreadable() {
    let good = zip([("MANIFEST", MANIFEST), ("main.py", MAIN)]);
    let mut damaged = good.clone();
    // Behind the first header and its name.
    damaged[30 + "MANIFEST".len() + 20] ^= 0x20;
    for (what, archive) in [
        ("nothing", &b""[..]),
        ("a text", b"api: 1.0\n"),
        ("the first half", &good[..good.len() / 2]),
        ("a damaged entry", &damaged),
    ] {
        let ran = check(archive);
        assert_eq!(ran.status, Some(1), "{what}: {ran:?}");
        assert!(ran.rules().contains(&"archive-unreadable".to_owned()), "{what}: {ran:?}");
    }
}

#[test]
fn an_archive_of_20_mb_is_too_large_and_one_byte_less_is_not() {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let of_size = |padding: usize| {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in [("MANIFEST", MANIFEST), ("main.py", MAIN), ("data", &vec![b'x'; padding])] {
            writer.start_file(name, stored).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    let limit = usize::try_from(ARCHIVE_BYTES_LIMIT).unwrap();
    let around = of_size(0).len();
    let (small, large) = (of_size(limit - around - 1), of_size(limit - around));
    assert_eq!((small.len(), large.len()), (limit - 1, limit));
    assert_eq!(check(&small).rules(), [] as [&str; 0]);
    let ran = check(&large);
    assert_eq!((ran.status, ran.rules()), (Some(1), vec!["archive-too-large".to_owned()]), "{ran:?}");
}

#[test]
fn entries_that_could_do_harm_are_reported_and_nothing_is_written_outside() {
    let desk = Desk::new();
    let outside = desk.path("outside.py");
    let entry = |name: &str| zip([("MANIFEST", MANIFEST), ("main.py", MAIN), (name, b"harm")]);
    let mut symlink = ZipWriter::new(Cursor::new(zip([("MANIFEST", MANIFEST), ("main.py", MAIN)])));
    for (name, bytes) in [("MANIFEST", MANIFEST), ("main.py", MAIN)] {
        symlink.start_file(name, SimpleFileOptions::default()).unwrap();
        symlink.write_all(bytes).unwrap();
    }
    symlink.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let mut encrypted = entry("secret.py");
    for (signature, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let last = encrypted.windows(4).rposition(|bytes| bytes == signature).unwrap();
        encrypted[last + flags] |= 1;
    }
    for (what, archive) in [
        ("above", entry("../outside.py")),
        ("far above", entry("lib/../../../outside.py")),
        (
            "absolute",
            renamed(
                entry(&format!("x{}", &outside.display().to_string()[1..])),
                &format!("x{}", &outside.display().to_string()[1..]),
                &outside.display().to_string(),
            ),
        ),
        ("a drive", entry("C:/outside.py")),
        ("twice", renamed(entry("mine.py"), "mine.py", "main.py")),
        ("a NUL", renamed(entry("main.py_.txt"), "main.py_.txt", "main.py\0.txt")),
        ("a symlink", symlink.finish().unwrap().into_inner()),
        ("encrypted", encrypted),
    ] {
        desk.write("plugin.zip", archive);
        let ran = desk.run(&["check", "plugin.zip", "--format", "json"]);
        assert_eq!((ran.status, ran.rules()), (Some(1), vec!["archive-unsafe-entry".to_owned()]), "{what}: {ran:?}");
        assert!(!outside.exists() && !desk.path("tmp/outside.py").exists(), "{what}");
    }
}

#[test]
fn an_archive_that_unpacks_to_4_gb_costs_neither_disk_nor_memory() {
    // Packed once, copied as it is: 17 entries of 256 MB.
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("zeros", SimpleFileOptions::default().large_file(true)).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..256 {
        writer.write_all(&zeros).unwrap();
    }
    let packed = writer.finish().unwrap();
    let mut bomb = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("MANIFEST", MANIFEST), ("main.py", MAIN)] {
        bomb.start_file(name, SimpleFileOptions::default()).unwrap();
        bomb.write_all(bytes).unwrap();
    }
    let mut packed = ZipArchive::new(packed).unwrap();
    for number in 0..17 {
        bomb.raw_copy_file_rename(packed.by_index_raw(0).unwrap(), format!("zeros-{number}")).unwrap();
    }
    let bomb = bomb.finish().unwrap().into_inner();
    assert!((bomb.len() as u64) < ARCHIVE_BYTES_LIMIT, "{}", bomb.len());

    // The shell holds it to 1 GB of address space and to files of 205 MB: beyond either it would be killed.
    let desk = Desk::new();
    desk.write("plugin.zip", bomb);
    let hookstorm = desk.command();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v 1048576 && ulimit -f 420000 && exec \"$0\" check plugin.zip --format json"]);
    shell.arg(hookstorm.get_program()).current_dir(desk.path("")).env("TMPDIR", desk.path("tmp"));
    let ran = Ran::new(shell.output().unwrap());
    assert_eq!((ran.status, ran.rules()), (Some(1), vec!["archive-bomb".to_owned()]), "{ran:?}");
    desk.assert_nothing_is_left();
}

#[test]
fn an_archive_and_its_folder_show_the_same() {
    let plugin = folder("examples/faulty-store");
    let findings = |given: &dyn Fn(&Desk) -> PathBuf| {
        let desk = Desk::new();
        let path = given(&desk);
        let path = path.to_str().unwrap();
        let ran = desk.run(&["test", path, "--seed", "5", "--runs", "400", "--jobs", "1", "--format", "json"]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        let mut report = ran.json();
        for finding in report["findings"].as_array_mut().unwrap() {
            // It names the plugin as it was given.
            finding.as_object_mut().unwrap().remove("again");
            // And tells how long the call took.
            if let Some(call) = finding["call"].as_object_mut() {
                call.remove("elapsed_ms");
            }
        }
        (report["findings"].clone(), report["sessions"].clone(), report["calls"].clone(), report["coverage"].clone())
    };
    let of_folder = findings(&|_| plugin.clone());
    let of_archive = findings(&|desk| desk.write("faulty.zip", zip_of(&plugin)));
    assert!(of_folder.0.as_array().unwrap().len() > 2, "{of_folder:?}");
    assert_eq!(of_archive, of_folder);
}

/// Starts a long run on an archive, and waits until it says what it is about.
fn started(desk: &Desk) -> Child {
    desk.write("plugin.zip", zip_of(&folder("examples/clean-store")));
    let mut command = desk.command();
    command.args(["test", "plugin.zip", "--runs", "1000000000", "--seed", "7", "--format", "json"]);
    let mut child =
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut opening = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut opening).unwrap();
    assert!(opening.contains("seed 7"), "{opening}");
    child
}

/// Reads its report and waits for its end.
fn ended(mut child: Child) -> Ran {
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let status = child.wait().unwrap();
    Ran { status: status.code(), stdout, stderr: String::new() }
}

#[test]
fn ctrl_c_ends_with_a_report_and_leaves_nothing() {
    // A terminal sends it to the whole group, `kill -INT` to the one process.
    for send in [kill_process, kill_process_group] {
        let desk = Desk::new();
        let child = started(&desk);
        send(Pid::from_child(&child), Signal::INT).unwrap();
        let ran = ended(child);
        let report = ran.json();
        assert_eq!((ran.status, report["status"].as_str()), (Some(0), Some("interrupted")), "{report}");
        assert_eq!((report["seed"].as_u64(), report["findings"].as_array().map(Vec::len)), (Some(7), Some(0)));
        desk.assert_nothing_is_left();
    }
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_leaves_nothing() {
    let desk = Desk::new();
    let mut child = started(&desk);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("Ctrl-C again"), "{line}");
    // Either the report was there already or this ends it.
    let _ = kill_process(Pid::from_child(&child), Signal::INT);
    let ran = ended(child);
    assert!(matches!(ran.status, Some(0 | 130)), "{ran:?}");
    desk.assert_nothing_is_left();
}

#[test]
fn what_a_killed_run_left_is_taken_away_by_the_next() {
    let desk = Desk::new();
    let mut child = started(&desk);
    child.kill().unwrap();
    child.wait().unwrap();
    desk.assert_no_process_is_left();
    assert!(!desk.scratch().is_empty(), "nobody could take it away");
    // Asserts that nothing is left, too.
    let ran = desk.run(&["check", "plugin.zip", "--format", "json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
}
