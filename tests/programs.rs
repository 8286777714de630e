//! The programs behind a run, hookstorm as guardian and the worker: somebody else starts them, replaces them while a
//! run goes on, or keeps them in memory.

mod elsewhere;
mod program;
mod script;
mod skip;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use elsewhere::elsewhere;
use program::{Desk, Ran};

const MANIFEST: &str = "api: \"1.0\"\ntype: credentialstore\nname: Small\nversion: \"1.0\"\ndescription: small\n\
     entry_point: main.py\n";

/// A plugin whose `get_password_list` has that body.
fn plugin(body: &str) -> String {
    format!(
        "import os\n\n\nclass Plugin:\n    def get_password_list(self):\n        {body}\n\n    \
         def get_private_key_list(self):\n        return None\n\n    \
         def authentication_completed(self):\n        return None\n\n    \
         def session_ended(self):\n        return None\n"
    )
}

fn desk(body: &str) -> Desk {
    let desk = Desk::new();
    desk.write("plugin/MANIFEST", MANIFEST);
    desk.write("plugin/main.py", plugin(body));
    desk
}

fn hookstorm() -> PathBuf {
    assert_cmd::cargo::cargo_bin!("hookstorm").to_owned()
}

/// Runs `command` to its end.
fn ran(desk: &Desk, command: Command) -> Ran {
    let ran = Ran::new(assert_cmd::Command::from_std(command).output().expect("it starts"));
    desk.assert_nothing_is_left();
    ran
}

fn write_program(desk: &Desk, name: &str, text: &str) -> PathBuf {
    let path = desk.path(name);
    script::write(&path, text);
    path
}

#[test]
fn words_that_no_host_wrote_are_an_error_with_a_hint() {
    let desk = Desk::new();
    for (words, hint) in [
        ("__guardian", "run `hookstorm --help`"),
        ("__guardian 3 4 5 6 7 8 0 /scratch /worker", "run `hookstorm --help`"),
        ("__guardian 0 0 0 0 0 0 0 /scratch /worker", "run `hookstorm --help`"),
    ] {
        let ran = desk.run(&words.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.status, Some(2), "{words}: {ran:?}");
        assert!(ran.stderr.starts_with("error: `__guardian` is for") && ran.stderr.contains(hint), "{ran:?}");
    }
    for words in ["", "--help", "3 4 5 6 7 8 9 0 0", "0 1 2 0 1 2 0 0 0"] {
        let mut worker = Command::new(program::worker());
        worker.args(words.split(' '));
        let ran = ran(&desk, worker);
        assert_eq!(ran.status, Some(2), "{words}: {ran:?}");
        assert_eq!(ran.stderr, "hookstorm-worker is started by hookstorm; run `hookstorm --help`\n");
    }
}

#[test]
fn a_run_goes_on_with_its_own_guardian_if_hookstorm_is_replaced() {
    // Each session kills the worker, so a new one has to start.
    let desk = desk("os.kill(os.getppid(), 9) if os.getppid() > 1 else None\n        return None");
    // Not in `/tmp`, since the worker has another one.
    let outside = elsewhere();
    let (own, starts) = (outside.path().join("hookstorm"), outside.path().join("starts"));
    script::copy(&hookstorm(), &own);
    let real = outside.path().join("real");
    script::copy(&program::worker(), &real);
    fs::write(&starts, "").unwrap();
    script::write(
        &outside.path().join("hookstorm-worker"),
        &format!(
            "#!/bin/sh\necho one >>{starts}\nrm -f {own}\n[ $(wc -l <{starts}) -gt 2 ] && echo broken >{own}\nexec {} \"$@\"\n",
            real.display(),
            starts = starts.display(),
            own = own.display(),
        ),
    );
    let mut command = Command::new(&own);
    command.current_dir(desk.path("")).env("TMPDIR", desk.path("tmp")).env_remove("HOOKSTORM_WORKER");
    command.args(["test", "plugin", "--runs", "40", "--seed", "1", "--jobs", "1", "--format", "json"]);
    let ran = ran(&desk, command);
    assert!(matches!(ran.status, Some(0 | 1)), "{ran:?}");
    assert_eq!(ran.json()["sessions"], 40, "{ran:?}");
    let starts = fs::read_to_string(&starts).unwrap().lines().count();
    assert!(starts > 1, "{starts} starts");
    assert_ne!(fs::read(&own).ok(), fs::read(hookstorm()).ok());
}

/// Runs `check` with a program in Python in place of the worker, which sends this as its first packet.
fn with_first_packet(packet: &str) -> Ran {
    let desk = desk("return None");
    let text = format!(
        "#!/usr/bin/env python3\nimport socket, sys, time\n\
         socket.socket(fileno=int(sys.argv[1])).send({packet})\ntime.sleep(60)\n"
    );
    let worker = write_program(&desk, "worker", &text);
    let mut command = desk.command();
    command.env("HOOKSTORM_WORKER", worker).args(["check", "plugin"]);
    ran(&desk, command)
}

#[test]
fn a_worker_of_another_version_is_named_and_nothing_else_that_it_sends_is_shown() {
    let packet = |version: &str| {
        format!(
            "b'w' + (b'{{\"version\":\"' + {version} + b'\",\"python\":{{\"version\":\"3.11\",\"executable\":\"\"}}}}')"
        )
    };
    let other = with_first_packet(&packet("b'9.9.9'"));
    assert_eq!(other.status, Some(3), "{other:?}");
    let own = env!("CARGO_PKG_VERSION");
    assert!(other.stderr.contains(&format!("has version 9.9.9, and hookstorm has version {own}")), "{other:?}");
    assert!(other.stderr.contains("install both programs of the same hookstorm"), "{other:?}");
    for version in ["b'1' * 20000", "b'\\\\u001b[2J'", "b'1.0\\\\nerror: other'"] {
        let ran = with_first_packet(&packet(version));
        assert_eq!(ran.status, Some(3), "{ran:?}");
        assert!(ran.stderr.contains("sent what no worker sends"), "{ran:?}");
        assert!(ran.stderr.len() < 1000 && !ran.stderr.contains("other"), "{ran:?}");
    }
}

#[test]
fn what_a_worker_writes_before_it_dies_is_shown_in_short() {
    let desk = desk("return None");
    let text = "#!/usr/bin/env python3\nimport sys\nsys.stderr.write('\\33[2J' + 'x' * 60000)\n";
    let worker = write_program(&desk, "worker", text);
    let mut command = desk.command();
    command.env("HOOKSTORM_WORKER", worker).args(["check", "plugin"]);
    let ran = ran(&desk, command);
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(ran.stderr.contains(r"\x1b[2Jxxx") && ran.stderr.len() < 1000, "{ran:?}");
}

#[test]
fn plugins_folders_and_programs_in_memory_are_used_as_anywhere_else() {
    let memory = Path::new("/dev/shm");
    if !memory.is_dir() {
        skip::skip("there is no /dev/shm", "mount it");
        return;
    }
    let folder = tempfile::tempdir_in(memory).unwrap();
    let at = |name: &str| folder.path().join(name);
    let desk = Desk::new();
    for (name, text) in [("plugin/MANIFEST", MANIFEST), ("plugin/main.py", &plugin("return {'passwords': []}"))] {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        fs::write(at(name), text).unwrap();
    }
    fs::create_dir(at("tmp")).unwrap();
    script::copy(&program::worker(), &at("hookstorm-worker"));
    for (variable, value) in [("HOME", at("tmp")), ("TMPDIR", at("tmp")), ("HOOKSTORM_WORKER", at("hookstorm-worker"))]
    {
        let mut command = desk.command();
        command.env(variable, value).arg("test").arg(at("plugin"));
        command.args(["--runs", "50", "--seed", "1", "--jobs", "1", "--format", "json"]);
        let ran = ran(&desk, command);
        assert_eq!((ran.status, ran.json()["findings"].as_array().map(Vec::len)), (Some(0), Some(0)), "{ran:?}");
    }
    // What a plugin writes there lies in memory of its own.
    fs::write(at("plugin/main.py"), plugin("open('/dev/shm/left', 'w').close()\n        return None")).unwrap();
    let mut command = desk.command();
    command.arg("test").arg(at("plugin")).args(["--runs", "10", "--seed", "1", "--jobs", "1"]);
    ran(&desk, command);
    assert!(!memory.join("left").exists());
}
