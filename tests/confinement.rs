//! The sandbox from inside: what a plugin cannot reach, what it sees instead, and what hookstorm reports.

mod elsewhere;
mod skip;

use std::{
    io::Write,
    net::{TcpListener, UdpSocket},
    os::unix::net::UnixListener,
    path::Path,
    sync::Arc,
    time::Duration,
};

use elsewhere::elsewhere;
use hookstorm::{
    case::{Call, Session, Value},
    contract::{Hook, Platform, PluginType},
    runtime::{
        Destination, Executor, Isolation, Limits, Network, Sandbox, Server, SessionState, Target, Worker,
        sandbox::Protection,
    },
    trace::{Attempt, AttemptKind, Ending, LoadEnding, Trace},
};
use skip::skip;

const BOTH: [Isolation; 2] = [Isolation::Persistent, Isolation::Isolated];

/// A plugin whose hook does what `body` says and gives back what is in `seen`.
struct Plugin(tempfile::TempDir);

impl Plugin {
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let body: String = body.trim().lines().map(|line| format!("        {line}\n")).collect();
        let main = format!(
            "import ctypes, errno, os, socket, subprocess, sys\n\n\nclass Plugin:\n    def get_password_list(self):\n        seen = None\n{body}        return {{'cookie': {{'seen': seen}}}}\n"
        );
        std::fs::write(folder.path().join("main.py"), main).unwrap();
        Self(folder)
    }

    fn target(&self) -> Target {
        Target {
            root: std::fs::canonicalize(self.0.path()).unwrap(),
            entry_point: "main.py".into(),
            plugin_type: PluginType::CredentialStore,
            platform: Platform::newest(),
            configuration: String::new(),
            services: hookstorm::case::Value::empty_dict(),
            venv: None,
            limits: Limits { timeout: Duration::from_secs(20), ..Limits::default() },
            network: Network::Closed,
            sandbox: Sandbox::default(),
            coverage: false,
            instrument: false,
        }
    }

    fn worker(&self) -> Worker {
        start(self.target())
    }
}

fn start(target: Target) -> Worker {
    Worker::start(&Arc::new(target)).unwrap().0
}

fn run(worker: &mut Worker, isolation: Isolation) -> Trace {
    let session = Session::new(vec![Call::new(Hook::GetPasswordList, Vec::new())]);
    worker.run(&[session], isolation).unwrap().pop().unwrap()
}

/// What the plugin saw, as JSON.
fn seen(trace: &Trace) -> String {
    trace.cookie.get("seen").map_or_else(|| format!("{trace:?}"), Value::to_string)
}

/// Runs `body` in both isolations, and gives what it saw, which is the same, and what was noted the second time.
fn both(body: &str) -> (String, Vec<Attempt>) {
    let plugin = Plugin::new(body);
    let mut worker = plugin.worker();
    let traces = BOTH.map(|isolation| run(&mut worker, isolation));
    assert_eq!(seen(&traces[0]), seen(&traces[1]));
    let [_, mut isolated] = traces;
    (seen(&isolated), std::mem::take(&mut isolated.calls[0].attempts))
}

/// Whether the machine gives this protection; if not, what needs it is skipped.
fn gives(protection: Protection) -> bool {
    let missing = Plugin::new("pass").worker().missing();
    if missing.has(protection) {
        skip(&format!("this machine has no {}", protection.name()), "`hookstorm doctor` says how this machine gets it");
    }
    !missing.has(protection)
}

/// What ends in an error number, as the body of a hook.
fn errno_of(statement: &str) -> String {
    format!(
        "try:\n    {statement}\n    seen = 'done'\nexcept OSError as error:\n    seen = errno.errorcode[error.errno]"
    )
}

#[test]
fn nothing_of_the_users_own_is_read_and_what_python_needs_is() {
    if !gives(Protection::Files) {
        return;
    }
    let secret = elsewhere();
    let path = secret.path().join("id_ed25519");
    std::fs::write(&path, "key").unwrap();
    assert_eq!(both(&errno_of(&format!("open({path:?}).read()"))).0, r#""EACCES""#);
    assert_eq!(both(&errno_of(&format!("os.listdir({:?})", secret.path()))).0, r#""EACCES""#);
    assert_eq!(both(&errno_of("open('/etc/shadow').read()")).0, r#""EACCES""#);
    for needed in ["/etc/hosts", "/usr/share", "/etc/passwd"] {
        let open = if Path::new(needed).is_dir() { "os.listdir" } else { "open" };
        assert_eq!(both(&errno_of(&format!("{open}({needed:?})"))).0, r#""done""#, "{needed}");
    }
    let imports = "import json, ssl, sqlite3, multiprocessing, urllib.request, email, zoneinfo, ctypes.util\nssl.create_default_context()\nzoneinfo.ZoneInfo('UTC')\nsubprocess.run([sys.executable if os.path.exists(sys.executable) else 'true'], stdin=subprocess.DEVNULL, check=True)\nmultiprocessing.Lock()\nseen = 'fine'";
    assert_eq!(both(imports).0, r#""fine""#);
}

#[test]
fn a_folder_that_is_allowed_is_read_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "certificate").unwrap();
    let plugin = Plugin::new(&format!(
        "seen = [open({file:?}).read()]\ntry:\n    open({file:?}, 'w')\nexcept OSError as error:\n    seen.append(errno.errorcode[error.errno])"
    ));
    let mut target = plugin.target();
    target.sandbox.readable.push(folder.path().to_owned());
    let mut worker = start(target);
    if gives(Protection::Files) {
        assert_eq!(seen(&run(&mut worker, Isolation::Isolated)), r#"["certificate","EACCES"]"#);
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "certificate");
}

#[test]
fn the_environment_is_built_and_not_inherited() {
    let (names, _) = both("seen = sorted(os.environ)");
    assert_eq!(
        names,
        r#"["EPHEMERAL_PLUGIN_STATE_DIRECTORY","HOME","LANG","PATH","SCB_PLUGIN_STATE_DIRECTORY","TMPDIR","TZ"]"#
    );
}

#[test]
fn nobody_elses_processes_are_seen_or_ended() {
    if !gives(Protection::Processes) || !gives(Protection::ProcessList) {
        return;
    }
    let own = std::process::id();
    let (seen, _) = both(&format!("seen = [os.path.exists('/proc/{own}/status') and {own} > 100, os.getpid() < 100]"));
    assert_eq!(seen, "[false,true]");
    // Every process that it sees, and so its own ancestors but the first one.
    let plugin = Plugin::new("ctypes.CDLL(None).kill(-1, 9)\nimport time\ntime.sleep(60)");
    let mut worker = plugin.worker();
    let trace = run(&mut worker, Isolation::Isolated);
    assert!(matches!(trace.calls[0].ending, Ending::Signalled { signal: 9, .. }), "{trace:?}");
    assert_eq!(seen_after(&mut worker), 9);
}

/// The signal that ends the next session of that worker too: it has another process by then.
fn seen_after(worker: &mut Worker) -> i32 {
    match run(worker, Isolation::Isolated).calls[0].ending {
        Ending::Signalled { signal, .. } => signal,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn no_right_of_roots_is_left() {
    let (rights, _) = both(
        "status = dict(line.split(':\\t', 1) for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)\nseen = [status['NoNewPrivs'], int(status['CapEff'], 16) & ~2, int(status['CapPrm'], 16) & ~2]",
    );
    assert_eq!(rights, r#"["1",0,0]"#);
    if gives(Protection::Calls) {
        let calls = "libc = ctypes.CDLL(None, use_errno=True)\nseen = []\nfor call in (lambda: libc.unshare(0x10000000), lambda: libc.mount(b'none', b'/usr', b'tmpfs', 0, None), lambda: libc.socket(40, 1, 0)):\n    assert call() == -1\n    seen.append(errno.errorcode[ctypes.get_errno()])";
        assert_eq!(both(calls).0, r#"["EPERM","EPERM","EPERM"]"#);
    }
}

#[test]
fn the_scratch_folder_and_shared_memory_are_small_and_nobody_elses() {
    if !gives(Protection::Mounts) {
        return;
    }
    let fill = "def fill(folder):\n    with open(os.path.join(folder, 'x'), 'wb', buffering=0) as file:\n        try:\n            for _ in range(1000):\n                file.write(bytes(1 << 20))\n        except OSError as error:\n            return errno.errorcode[error.errno]\nseen = [fill(os.environ['TMPDIR']), fill('/dev/shm')]";
    assert_eq!(both(fill).0, r#"["ENOSPC","ENOSPC"]"#);
    assert!(!Path::new("/dev/shm/x").exists());
}

#[test]
fn a_fork_bomb_finds_no_more_processes() {
    if !gives(Protection::Calls) || !gives(Protection::Processes) {
        return;
    }
    let bomb = "def bomb():\n    for started in range(10000):\n        try:\n            if os.fork() == 0:\n                import time\n                time.sleep(60)\n        except OSError as error:\n            return [started < 300, errno.errorcode[error.errno]]\nseen = bomb()";
    let (seen, attempts) = both(bomb);
    assert_eq!(seen, r#"[true,"EAGAIN"]"#);
    assert_eq!(attempts[0].kind, AttemptKind::Start);
    assert_eq!(attempts[0].frames[0].function, "bomb", "{attempts:?}");
}

/// The attempts to reach that, with the function that they were made in.
fn placed(attempts: &[Attempt], kind: AttemptKind, target: &str) -> Vec<String> {
    let found = attempts.iter().filter(|one| one.kind == kind && one.target == target);
    found
        .filter_map(|one| one.frames.iter().find(|frame| frame.file == "main.py"))
        .map(|f| f.function.clone())
        .collect()
}

#[test]
fn the_network_is_out_of_reach_however_it_is_tried_and_the_place_is_reported() {
    if !gives(Protection::Calls) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let port = address.port();
    let c = format!(
        "libc = ctypes.CDLL(None, use_errno=True)\nname = (2).to_bytes(2, sys.byteorder) + ({port}).to_bytes(2, 'big') + bytes([127, 0, 0, 1]) + bytes(8)\ndef by_c():\n    s = libc.socket(2, 1, 0)\n    assert libc.connect(s, name, 16) == -1\n    return errno.errorcode[ctypes.get_errno()]\nseen = by_c()"
    );
    let (seen, attempts) = both(&c);
    assert_eq!(seen, r#""ENETUNREACH""#);
    assert_eq!(placed(&attempts, AttemptKind::Connect, &address.to_string()), ["by_c"], "{attempts:?}");

    let program = format!(
        "def by_program():\n    return subprocess.run(['/bin/bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/{port}'], stderr=subprocess.DEVNULL).returncode\nseen = by_program()"
    );
    if Path::new("/bin/bash").exists() {
        let (seen, attempts) = both(&program);
        assert_eq!(seen, "1");
        assert_eq!(placed(&attempts, AttemptKind::Connect, &address.to_string()), ["by_program"], "{attempts:?}");
    } else {
        skip("there is no /bin/bash, which opens connections", "install bash");
    }

    let datagram = "def by_datagram():\n    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n    try:\n        s.sendmsg([b'x'], [], 0, ('::1', 53))\n    except OSError as error:\n        return errno.errorcode[error.errno]\nseen = by_datagram()";
    let (seen, attempts) = both(datagram);
    assert_eq!(seen, r#""ENETUNREACH""#);
    assert_eq!(placed(&attempts, AttemptKind::Connect, "[::1]:53"), ["by_datagram"], "{attempts:?}");

    let server = "def by_server():\n    s = socket.socket()\n    s.bind(('0.0.0.0', 0))\n    try:\n        s.listen()\n    except OSError as error:\n        return errno.errorcode[error.errno]\nseen = by_server()";
    let (seen, attempts) = both(server);
    assert_eq!(seen, r#""EACCES""#);
    assert_eq!(attempts[0].kind, AttemptKind::Listen, "{attempts:?}");
    assert!(listener.accept().is_err(), "nobody came");
}

#[test]
fn a_unix_socket_of_the_machine_is_out_of_reach_and_one_of_its_own_is_not() {
    if !gives(Protection::Calls) {
        return;
    }
    let folder = elsewhere();
    let path = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (seen, attempts) = both(&errno_of(&format!("socket.socket(socket.AF_UNIX).connect({path:?})")));
    assert_eq!(seen, r#""EACCES""#);
    let tried: Vec<_> = attempts.iter().map(|one| (one.kind, one.target.as_str())).collect();
    assert_eq!(tried, [(AttemptKind::Connect, path.to_str().unwrap())]);
    assert!(listener.accept().is_err(), "nobody came");
    let own = "server = socket.socket(socket.AF_UNIX)\nserver.bind('own.sock')\nserver.listen()\nclient = socket.socket(socket.AF_UNIX)\nclient.connect('own.sock')\npair = socket.socketpair()\npair[0].sendall(b'x')\nseen = pair[1].recv(1).decode()\nos.unlink('own.sock')";
    let (seen, attempts) = both(own);
    assert_eq!((seen.as_str(), attempts.len()), (r#""x""#, 0), "{attempts:?}");
}

#[test]
fn a_link_of_its_own_leads_to_no_socket_of_the_machine() {
    if !gives(Protection::Calls) {
        return;
    }
    let folder = elsewhere();
    let path = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let body = format!(
        "os.symlink({:?}, 'folder')\nos.symlink({path:?}, 'own.sock')\nseen = []\nfor name in ('own.sock', 'folder/agent.sock', os.path.abspath('own.sock')):\n    by_c = ctypes.create_string_buffer((1).to_bytes(2, sys.byteorder) + name.encode() + bytes(1))\n    libc = ctypes.CDLL(None, use_errno=True)\n    assert libc.connect(socket.socket(socket.AF_UNIX).detach(), by_c, len(by_c)) == -1\n    seen.append(errno.errorcode[ctypes.get_errno()])\nos.unlink('folder')\nos.unlink('own.sock')",
        folder.path()
    );
    let (seen, attempts) = both(&body);
    assert_eq!(seen, r#"["EACCES","EACCES","EACCES"]"#);
    assert!(attempts.iter().all(|one| one.kind == AttemptKind::Connect) && !attempts.is_empty(), "{attempts:?}");
    assert!(listener.accept().is_err(), "nobody came");
}

#[test]
fn the_host_writes_nothing_through_a_link_that_a_plugin_left_in_a_folder_that_stays() {
    let (outside, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let kept = outside.path().join("kept");
    std::fs::write(&kept, "as it was").unwrap();
    let plugin = Plugin::new(&format!(
        "path = os.path.join(os.environ['SCB_PLUGIN_STATE_DIRECTORY'], 'lease')\nif not os.path.islink(path):\n    os.unlink(path)\n    os.symlink({kept:?}, path)\nseen = os.path.islink(path)"
    ));
    let mut server = Server::start(&Arc::new(plugin.target()), state.path()).unwrap();
    for _ in 0..2 {
        let mut session = Session::new(vec![Call::new(Hook::GetPasswordList, Vec::new())]);
        let lease = Value::Dict(vec![("lease".into(), Value::text("overwritten"))]);
        session.services = Value::Dict(vec![("state".into(), lease)]);
        let mut underway = SessionState::new(Arc::new(session));
        server.step(&mut underway).unwrap();
        assert_eq!(underway.trace().calls.len(), 1);
    }
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "as it was");
}

#[test]
fn what_is_allowed_of_the_network_is_reached_and_nothing_else() {
    if !gives(Protection::Calls) {
        return;
    }
    let allowed = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let refused = TcpListener::bind("127.0.0.1:0").unwrap();
    refused.set_nonblocking(true).unwrap();
    let [port, closed] = [&allowed, &refused].map(|listener| listener.local_addr().unwrap().port());
    let plugin = Plugin::new(&format!(
        "with socket.create_connection(('127.0.0.1', {port}), timeout=10) as s:\n    seen = [s.recv(5).decode()]\nblocking = socket.socket()\nblocking.connect(('127.0.0.1', {port}))\nseen.append(blocking.recv(5).decode())\ntry:\n    socket.create_connection(('127.0.0.1', {closed}), timeout=10)\nexcept OSError as error:\n    seen.append(errno.errorcode[error.errno])"
    ));
    let mut target = plugin.target();
    let destination = Destination { host: "127.0.0.1".into(), port, addresses: vec!["127.0.0.1".parse().unwrap()] };
    target.network = Network::Only(vec![destination]);
    let server = std::thread::spawn(move || {
        for _ in 0..4 {
            allowed.accept().unwrap().0.write_all(b"hello").unwrap();
        }
    });
    let mut worker = start(target);
    for isolation in BOTH {
        let trace = run(&mut worker, isolation);
        assert_eq!(seen(&trace), r#"["hello","hello","ENETUNREACH"]"#);
        let tried: Vec<_> = trace.calls[0].attempts.iter().map(|one| one.target.clone()).collect();
        assert_eq!(tried, [format!("127.0.0.1:{closed}")]);
    }
    server.join().unwrap();
    assert!(refused.accept().is_err(), "nobody came");
    drop(other);
}

#[test]
fn without_a_sandbox_a_plugin_does_what_the_user_may() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    let plugin = Plugin::new(&errno_of(&format!("open({file:?}, 'w').write('x')")));
    let mut target = plugin.target();
    target.sandbox.is_off = true;
    let trace = run(&mut start(target), Isolation::Isolated);
    assert_eq!(seen(&trace), r#""done""#);
    assert_eq!(trace.calls[0].attempts, []);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "x");
}

#[test]
fn how_a_module_ended_the_process_is_reported_each_time() {
    let folder = Plugin::new("pass");
    std::fs::write(folder.0.path().join("main.py"), "import os\nos._exit(5)\n").unwrap();
    // Guardian and first process see the end at once, and only one of them knows how.
    for _ in 0..20 {
        let (_, loading) = Worker::start(&Arc::new(folder.target())).unwrap();
        assert!(matches!(loading.import, LoadEnding::Exited { status: 5, .. }), "{:?}", loading.import);
    }
}

#[test]
fn a_plugin_that_starts_our_programs_gets_an_error_and_disturbs_nothing() {
    let plugin = Plugin::new(
        "def start(*words):\n    try:\n        return subprocess.run(words, capture_output=True).returncode\n    except OSError as error:\n        return errno.errorcode[error.errno]\npipe = os.pipe()\nnumbers = [str(number) for number in range(3, 10)]\nseen = [start('/proc/self/exe'), start('/proc/self/exe', *numbers, '0', '0'), start('/proc/1/exe', '__guardian', *numbers, '/', '/')]\nos.close(pipe[0]), os.close(pipe[1])",
    );
    let mut target = plugin.target();
    // As if they were installed where every program is.
    target.sandbox.readable.push(Worker::program().unwrap().parent().unwrap().to_owned());
    let mut worker = start(target);
    for isolation in BOTH {
        let trace = run(&mut worker, isolation);
        let seen = seen(&trace);
        assert!(["[2,2,\"EACCES\"]", "[2,2,\"EPERM\"]", "[2,2,2]"].contains(&seen.as_str()), "{seen}");
        assert_eq!(trace.calls[0].attempts, []);
    }
}

#[test]
fn what_an_appliance_has_looks_absent_here_and_is_no_attempt() {
    for statement in [
        "open('/etc/hostnickname').read()",
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect('/dev/log')",
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', '/dev/log')",
        "socket.socket(socket.AF_UNIX).connect('/run/uuidd/request')",
        "socket.socket(socket.AF_UNIX).connect('/var/run/dbus/system_bus_socket')",
        "socket.socket(socket.AF_UNIX).connect('/no/such/socket')",
    ] {
        let (seen, attempts) = both(&errno_of(statement));
        assert_eq!((seen.as_str(), attempts), ("\"ENOENT\"", vec![]), "{statement}");
    }
    // By C too.
    let by_c = "libc = ctypes.CDLL(None, use_errno=True)\nseen = []\nfor name in (b'/dev/log', b'/run/uuidd/request', b'/no/such/socket'):\n    address = ctypes.create_string_buffer((1).to_bytes(2, sys.byteorder) + name + bytes(1))\n    s = socket.socket(socket.AF_UNIX)\n    assert libc.connect(s.fileno(), address, len(address)) == -1\n    seen.append(errno.errorcode[ctypes.get_errno()])\n    s.close()";
    let (seen, attempts) = both(by_c);
    assert_eq!((seen.as_str(), attempts), (r#"["ENOENT","ENOENT","ENOENT"]"#, vec![]));
}
