//! Faults of the world around hookstorm: somebody kills the host at any moment, the disk is full or read-only, the
//! corpus contains files that are not cases, two hosts share it, the worker's program is another one. hookstorm loses
//! no finding that it reported, leaves nothing behind, and names the file, what is wrong with it and what to do.

mod elsewhere;
mod program;
mod script;
mod skip;

use std::{
    ffi::OsStr,
    fs,
    io::Read,
    os::{
        fd::AsFd,
        unix::{fs::symlink, process::ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use elsewhere::elsewhere;
use hookstorm::{
    case::Case,
    corpus::{Corpus, CorpusEntry},
};
use program::{Desk, Ran};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

/// How often each command is killed.
const KILLS: u64 = 50;
/// The longest that a host lives that is killed at a moment.
const LIFE_MS: u64 = 600;
/// The longest that one lives that is killed when it has said so much.
const LONG_LIFE: Duration = Duration::from_secs(8);
/// A run that hangs is ended, and fails its test.
const PATIENCE: Duration = Duration::from_secs(120);

const MANIFEST: &str = "api: \"1.0\"\ntype: credentialstore\nname: Brittle\nversion: \"1.0\"\ndescription: breaks in many ways\n\
     entry_point: main.py\n";

/// Breaks in forty ways, so that there is always something new to be written down.
const MANY_WAYS: &str = "
def way(text):
    return sum(map(ord, str(text))) % 40


class Plugin:
    def get_password_list(self, client_ip=None, gateway_username=None, protocol=None):
        number = way(client_ip)
        if number % 2:
            raise type(f'Way{number}', (Exception,), {})(protocol)
        return {'passwords': [], 'cookie': {'seen': gateway_username}}

    def get_private_key_list(self, gateway_username=None):
        number = way(gateway_username)
        if number % 3 == 0:
            raise type(f'Key{number}', (Exception,), {})()
        return {'private_keys': []}

    def authentication_completed(self, cookie):
        return {'cookie': cookie}

    def session_ended(self, session_id, cookie):
        if cookie.get('seen') is not None and way(session_id) % 5 == 0:
            return ['ended']
";

/// Breaks in one way.
const ONE_WAY: &str = "
class Plugin:
    def get_password_list(self):
        raise KeyError('user')

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
";

/// A desk with a plugin in `plugin/`.
fn desk(main: &str) -> Desk {
    let desk = Desk::new();
    desk.write("plugin/MANIFEST", MANIFEST);
    desk.write("plugin/main.py", main);
    desk
}

/// Numbers that look like chance and depend on the seed alone: SplitMix64.
struct Drawn(u64);

impl Drawn {
    fn new(lane: u64) -> Self {
        let seed = std::env::var("HOOKSTORM_TEST_SEED").map_or(5, |text| text.parse().expect("a number"));
        println!("HOOKSTORM_TEST_SEED={seed}");
        Self(seed ^ lane << 32)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// When a host is killed.
struct Moment {
    /// After so many lines on standard output.
    lines: usize,
    /// And so much later.
    later: Duration,
    /// At the latest when it has lived for so long.
    life: Duration,
}

impl Moment {
    /// Every other host is killed at any moment, start and end included, the others while they tell what they find.
    fn drawn(drawn: &mut Drawn, kill: u64) -> Self {
        let lines = 1 + drawn.below(24) as usize;
        let later = Duration::from_micros(drawn.below(20_000));
        let life = Duration::from_millis(drawn.below(LIFE_MS));
        Self { lines, later, life: if kill.is_multiple_of(2) { life } else { LONG_LIFE } }
    }
}

/// Starts hookstorm and kills it at that moment. What it said until then.
fn killed(mut command: Command, moment: &Moment) -> String {
    let mut host = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("hookstorm starts");
    let mut stdout = host.stdout.take().expect("it is piped");
    let mut end = Instant::now() + moment.life;
    let mut said = Vec::new();
    let mut buffer = [0_u8; 4096];
    let mut has_said_enough = false;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        let ready = poll(&mut [PollFd::new(&stdout.as_fd(), PollFlags::IN)], Some(&timeout));
        if left.is_zero() || ready == Ok(0) {
            break;
        }
        match stdout.read(&mut buffer).expect("a pipe can be read") {
            0 => break,
            count => said.extend_from_slice(&buffer[..count]),
        }
        if !has_said_enough && said.iter().filter(|&&byte| byte == b'\n').count() >= moment.lines {
            has_said_enough = true;
            end = end.min(Instant::now() + moment.later);
        }
    }
    host.kill().expect("it is our child");
    // What it had said by then stands in the pipe, and nobody else writes there.
    stdout.read_to_end(&mut said).expect("a pipe can be read");
    let status = host.wait().expect("it is our child");
    assert!(status.signal() == Some(9) || matches!(status.code(), Some(0 | 1)), "{status:?}");
    String::from_utf8(said).expect("hookstorm writes UTF-8")
}

/// The files of the findings that were announced in whole lines.
fn announced(said: &str) -> Vec<(String, PathBuf)> {
    let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is an event"));
    let found = lines.filter(|line| line["event"] == "found");
    let file = |line: Value| {
        let finding = &line["finding"];
        let text = |key: &str| finding[key].as_str().unwrap_or_else(|| panic!("no `{key}`: {line}")).to_owned();
        (text("fingerprint"), text("case").into())
    };
    found.map(file).collect()
}

/// Every case of a corpus, what was learned included. Each file is one.
fn cases(folder: &Path) -> Vec<(PathBuf, Case)> {
    let corpus = Corpus::open(folder).unwrap();
    let whole = |corpus: Corpus| corpus.read_all().unwrap_or_default();
    let entries = whole(corpus.seeds()).into_iter().chain(whole(corpus));
    let read = |(path, case): CorpusEntry| match case {
        Ok(case) => (path, case),
        Err(error) => panic!("{}: {error}", path.display()),
    };
    entries.map(read).collect()
}

/// Files that are being written, or were when their writer was killed.
fn half_written(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().collect::<Vec<_>>();
    let all = entries(folder).into_iter().chain(entries(&folder.join("seeds")));
    all.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b".")).map(|entry| entry.path()).collect()
}

/// Kills `hookstorm COMMAND` again and again, on a corpus that another lane works on too.
fn lane(number: u64, command: &str, corpus: &Path) -> usize {
    let desk = desk(MANY_WAYS);
    let mut drawn = Drawn::new(number);
    let folder = corpus.join("Brittle");
    let arguments = |seed: u64| {
        let mut arguments =
            [command, "plugin", "--jobs", "1", "--format", "ndjson", "--corpus"].map(String::from).to_vec();
        arguments.extend([corpus.to_string_lossy().into_owned(), "--seed".into(), seed.to_string()]);
        arguments
    };
    let mut count = 0;
    for kill in 0..KILLS {
        let moment = Moment::drawn(&mut drawn, kill);
        let mut host = desk.command();
        host.args(arguments(kill)).args(["--runs", "100000"]);
        let said = killed(host, &moment);
        for (fingerprint, path) in announced(&said) {
            let text =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("kill {kill}: {}: {error}", path.display()));
            let case =
                Case::from_json(&text).unwrap_or_else(|error| panic!("kill {kill}: {}: {error}", path.display()));
            assert_eq!(case.found.unwrap().fingerprint, fingerprint, "kill {kill}");
            count += 1;
        }
        cases(&folder);
        desk.assert_no_process_is_left();
    }
    // It goes on from there, and clears up: nothing of this desk's may be left in the temporary folder.
    let ran = desk.run(&[arguments(1), vec!["--runs".into(), "600".into()]].concat());
    assert_eq!(ran.status, Some(1), "{ran:?}");
    for (_, path) in announced(&ran.stdout) {
        assert!(path.is_file(), "{}", path.display());
    }
    count
}

#[test]
fn a_host_that_is_killed_at_any_moment_leaves_a_whole_corpus_and_the_next_one_goes_on() {
    let shared = tempfile::tempdir().unwrap();
    let counts: Vec<usize> = std::thread::scope(|scope| {
        let corpus = shared.path();
        let lanes =
            [(1, "test"), (2, "fuzz")].map(|(number, command)| scope.spawn(move || lane(number, command, corpus)));
        lanes.map(|lane| lane.join().expect("a lane holds")).to_vec()
    });
    let folder = shared.path().join("Brittle");
    let kept = cases(&folder);
    println!("announced before a kill: {counts:?}; cases in the corpus: {}", kept.len());
    assert!(counts.iter().sum::<usize>() >= 10, "too few were announced to say anything: {counts:?}");
    assert!(kept.iter().any(|(_, case)| case.found.is_none()), "what fuzz learned is kept too");
    // The lanes may have ended in any order, so that the last look is ours.
    Corpus::open(&folder).unwrap();
    assert_eq!(half_written(&folder), [] as [PathBuf; 0]);
}

/// A shell that stands in a mount namespace of its own, where `script` mounts what it likes; `None` where the kernel or
/// a container allows none.
fn in_namespace(desk: &Desk, script: &str, arguments: &[&str]) -> Option<Ran> {
    let flags = if rustix::process::geteuid().is_root() { "-m" } else { "-Urm" };
    let try_out = "mount -t tmpfs -o size=64k tmpfs \"$0\"";
    let tried = Command::new("unshare").args([flags, "sh", "-c", try_out]).arg(desk.path("tmp")).output();
    if !tried.as_ref().is_ok_and(|tried| tried.status.success()) {
        let remedy = "run it as root, or allow user namespaces: `hookstorm doctor` says how";
        skip::skip(&format!("no file system can be mounted in a namespace here: {tried:?}"), remedy);
        return None;
    }
    let host = desk.command();
    let mut command = Command::new("unshare");
    command.args([flags, "sh", "-c", script]).arg(host.get_program()).args(arguments);
    command.current_dir(desk.path("")).env("TMPDIR", desk.path("tmp"));
    let output = assert_cmd::Command::from_std(command).timeout(PATIENCE).output().unwrap();
    desk.assert_nothing_is_left();
    Some(Ran::new(output))
}

/// Runs hookstorm on a corpus of its own file system, and copies to `kept/` what is in it at the end.
fn on_small_disk(size: &str, fill: &str) -> String {
    format!(
        "mkdir -p corpora kept && mount -t tmpfs -o size={size} tmpfs corpora || exit 99
        {fill}
        \"$0\" \"$@\"
        status=$?
        rm -f corpora/fill
        cp -r corpora/. kept/
        exit $status"
    )
}

#[test]
fn a_finding_that_a_full_disk_does_not_take_is_reported_all_the_same() {
    for command in ["test", "fuzz"] {
        let desk = desk(ONE_WAY);
        let script = on_small_disk("64k", "head -c 1000000 /dev/zero >corpora/fill 2>/dev/null");
        let arguments = [command, "plugin", "--runs", "300", "--seed", "1", "--jobs", "1"];
        let Some(ran) = in_namespace(&desk, &script, &arguments) else { return };
        assert_eq!(ran.status, Some(3), "{ran:?}");
        assert!(ran.stdout.contains("error[uncaught-exception] get_password_list: KeyError: 'user'"), "{ran:?}");
        let message = &ran.stderr[ran.stderr.find("error: ").unwrap_or_else(|| panic!("{ran:?}"))..];
        assert!(
            message.starts_with("error: `corpora/Brittle/") && message.contains("no space left on device"),
            "{message}"
        );
        assert!(message.contains("hint: make room on the disk"), "{message}");
        assert_eq!(half_written(&desk.path("kept/Brittle")), [] as [PathBuf; 0]);
        assert_eq!(cases(&desk.path("kept/Brittle")), [], "nothing half-written has the name of a case");
    }
}

#[test]
fn what_was_found_before_the_disk_was_full_is_on_it() {
    let desk = desk(MANY_WAYS);
    let arguments = ["test", "plugin", "--runs", "2000", "--seed", "1", "--jobs", "2", "--format", "json"];
    let Some(ran) = in_namespace(&desk, &on_small_disk("32k", ""), &arguments) else { return };
    assert_eq!(ran.status, Some(3), "{ran:?}");
    let report = ran.json();
    let (with, without): (Vec<&Value>, Vec<&Value>) =
        report["findings"].as_array().unwrap().iter().partition(|finding| finding["case"].is_string());
    assert!(!with.is_empty() && !without.is_empty(), "{report:#}");
    let kept = cases(&desk.path("kept/Brittle"));
    for finding in with {
        let fingerprint = finding["fingerprint"].as_str().unwrap();
        let is_it =
            |(_, case): &(PathBuf, Case)| case.found.as_ref().is_some_and(|found| found.fingerprint == fingerprint);
        assert!(kept.iter().any(is_it), "{fingerprint} is not on the disk: {kept:?}");
    }
}

#[test]
fn a_corpus_that_cannot_be_written_is_reported_before_anything_is_run() {
    let script = "mkdir -p corpora && mount --bind corpora corpora && mount -o remount,ro,bind corpora || exit 99
        \"$0\" \"$@\"";
    for command in ["test", "fuzz"] {
        let desk = desk(ONE_WAY);
        let Some(ran) = in_namespace(&desk, script, &[command, "plugin", "--runs", "50"]) else { return };
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stdout.is_empty(), "{ran:?}");
        assert!(ran.stderr.contains("error: `corpora`: cannot write cases here: read-only file system"), "{ran:?}");
        assert!(ran.stderr.contains("hint: make the folder writable for this user, or use another one"), "{ran:?}");
    }
}

#[test]
fn what_is_no_case_in_a_corpus_is_reported_by_its_name_and_left_as_it_is() {
    let desk = desk(ONE_WAY);
    let first = desk.run(&["test", "plugin", "--runs", "50", "--seed", "1", "--jobs", "1", "--format", "json"]);
    let case = PathBuf::from(first.json()["findings"][0]["case"].as_str().unwrap());
    let folder = desk.path("corpora/Brittle");
    let at = |name: &str| folder.join(name);
    desk.write("corpora/Brittle/package.json", "{\"name\": \"left-pad\"}");
    desk.write("corpora/Brittle/notes.txt", "not ours");
    desk.write("corpora/Brittle/half.json", "{\"format\": 1, \"calls\": [");
    desk.write("corpora/Brittle/later.json", "{\"format\": 9, \"calls\": 3}");
    fs::File::create(at("large.json")).unwrap().set_len(64 << 20).unwrap();
    fs::create_dir(at("folder.json")).unwrap();
    symlink("nowhere", at("link.json")).unwrap();
    symlink("ring.json", at("ring.json")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe.json")).status().unwrap().success());
    let listed = || {
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| *name != OsStr::new("seeds"));
        names.sort();
        names
    };
    let before = listed();

    // `test` and `fuzz` go on: the case is there, and nothing else is touched. `fuzz`, which reads, tells what it left
    // out.
    for command in ["test", "fuzz"] {
        let ran = desk.run(&[command, "plugin", "--runs", "200", "--seed", "2", "--jobs", "1", "--format", "json"]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert_eq!(ran.json()["findings"][0]["case"].as_str(), case.to_str(), "{ran:?}");
        assert_eq!(
            command == "fuzz",
            ran.stdout.contains("files of the corpus left out because they cannot be read: 7"),
            "{ran:?}"
        );
        assert_eq!(listed(), before);
    }
    // `replay` says of no case that it fares well while there are some that it cannot read.
    for (name, problem) in [
        ("half.json", "EOF while parsing"),
        ("large.json", "is larger than 16 MB, the limit for a case"),
        ("later.json", "`format` is 9, but this hookstorm reads only format 1: update hookstorm"),
        ("link.json", "cannot be read: No such file or directory"),
        ("package.json", "missing field `format`"),
        ("pipe.json", "is not a regular file"),
        ("ring.json", "cannot be read: Too many levels of symbolic links"),
    ] {
        let ran = desk.run(&["replay", "plugin"]);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(&format!("/{name}` is not a case: ")) && ran.stderr.contains(problem), "{ran:?}");
        fs::remove_file(at(name)).unwrap();
    }
    let ran = desk.run(&["replay", "plugin", "--format", "json"]);
    assert_eq!((ran.status, ran.json()["cases"].as_array().unwrap().len()), (Some(1), 1), "{ran:?}");
}

#[test]
fn two_hosts_on_one_corpus_lose_nothing() {
    for command in ["test", "fuzz"] {
        let shared = tempfile::tempdir().unwrap();
        let corpus = shared.path().to_str().unwrap();
        let host = &|seed: &'static str| {
            let desk = desk(MANY_WAYS);
            let ran = desk.run(&[
                command, "plugin", "--runs", "1500", "--seed", seed, "--jobs", "1", "--format", "json", "--corpus",
                corpus,
            ]);
            assert_eq!(ran.status, Some(1), "{ran:?}");
            ran.json()
        };
        // The same seed finds the same at the same time; another one, something else.
        let reports: Vec<Value> = std::thread::scope(|scope| {
            let hosts = ["1", "1", "2"].map(|seed| scope.spawn(move || host(seed)));
            hosts.map(|host| host.join().expect("a host ends well")).to_vec()
        });
        for finding in reports.iter().flat_map(|report| report["findings"].as_array().unwrap()) {
            let path = finding["case"].as_str().unwrap();
            let case = Case::from_json(&fs::read_to_string(path).unwrap()).unwrap();
            assert_eq!(Some(case.found.unwrap().fingerprint.as_str()), finding["fingerprint"].as_str(), "{path}");
        }
        cases(&shared.path().join("Brittle"));
        assert_eq!(half_written(&shared.path().join("Brittle")), [] as [PathBuf; 0]);
    }
}

/// Runs `test` with a worker that is this script, and says how often it was started.
fn with_worker(script: &str) -> (Ran, usize) {
    let desk = desk(ONE_WAY);
    // The worker's `/tmp` is another one.
    let outside = elsewhere();
    let starts = outside.path().join("starts");
    fs::write(&starts, "").unwrap();
    let text = script.replace("STARTS", starts.to_str().unwrap());
    let real = outside.path().join("real");
    script::copy(&program::worker(), &real);
    let text = text.replace("REAL", real.to_str().unwrap());
    let worker = desk.path("worker");
    script::write(&worker, &text);
    let mut command = desk.command();
    command.env("HOOKSTORM_WORKER", &worker).args(["test", "plugin", "--runs", "500", "--seed", "1", "--jobs", "2"]);
    let output = assert_cmd::Command::from_std(command).timeout(PATIENCE).output().expect("hookstorm starts and ends");
    desk.assert_nothing_is_left();
    (Ran::new(output), fs::read_to_string(&starts).unwrap().lines().count())
}

#[test]
fn a_worker_that_is_none_ends_the_run_with_the_reason() {
    for (script, reason) in [
        ("#!/bin/true\n", "ended at its start (exit status 0)"),
        ("#!/bin/false\n", "ended at its start (exit status 1)"),
        ("#!/bin/sh\necho one >>STARTS\nkill -ABRT $$\n", "ended at its start (signal 6)"),
        (
            "#!/bin/sh\necho one >>STARTS\necho 'no such luck' >&2\nexit 7\n",
            "ended at its start (exit status 7): no such luck",
        ),
        // A text is taken for a script of the shell.
        ("these are some words\n", "ended at its start (exit status 127)"),
        ("#!/bin/sh\necho one >>STARTS\nsleep 1000 &\nsleep 1000\n", "did not answer within 10 seconds"),
        ("#!/no/such/interpreter\n", "cannot be started: no such file or directory"),
    ] {
        let (ran, starts) = with_worker(script);
        assert_eq!(ran.status, Some(3), "{script}: {ran:?}");
        assert!(ran.stdout.is_empty() && ran.stderr.starts_with("error: the worker `"), "{script}: {ran:?}");
        assert!(
            ran.stderr.contains(reason) && ran.stderr.contains("leave HOOKSTORM_WORKER unset"),
            "{script}: {ran:?}"
        );
        assert!(starts <= 1, "{script}: {starts} starts");
    }
}

#[test]
fn a_worker_that_dies_at_every_later_start_is_not_started_without_end() {
    let (ran, starts) = with_worker(
        "#!/bin/sh\necho one >>STARTS\n[ $(wc -l <STARTS) -gt 1 ] && { echo 'no more memory' >&2; exit 3; }\nexec REAL \"$@\"\n",
    );
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("ended at its start (exit status 3): no more memory"), "{ran:?}");
    assert!(starts <= 5, "{starts} starts");
}
