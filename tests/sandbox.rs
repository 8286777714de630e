//! hookstorm reports what a plugin tries and the sandbox blocks, with the plugin's line. It reports nothing for the
//! plugin's own folders, for sockets that reach nobody, and for the plugin's own children. A server on loopback gets
//! nothing.

mod elsewhere;
mod program;

use std::{
    io::ErrorKind,
    net::{TcpListener, UdpSocket},
    path::Path,
    sync::Arc,
    time::Duration,
};

use elsewhere::elsewhere;
use hookstorm::{
    case::{Call, Session},
    contract::{Hook, Platform, PluginType},
    runtime::{Destination, Executor, Isolation, Limits, Network, Sandbox, Target, Worker},
    trace::{Attempt, AttemptKind, CallTrace, Ending, LoadEnding, Loading},
};
use program::Desk;

const BOTH: [Isolation; 2] = [Isolation::Persistent, Isolation::Isolated];

/// A plugin whose `get_password_list` runs `body`, from line 14 on.
fn plugin(body: &str) -> String {
    let body: String = body.lines().map(|line| format!("        {line}\n")).collect();
    format!(
        "import ctypes, errno, os, pathlib, signal, socket, sqlite3, subprocess, tempfile, urllib.request

class Plugin:
    def __init__(self, configuration):
        pass
    def get_private_key_list(self):
        return {{'private_keys': []}}
    def authentication_completed(self):
        pass
    def session_ended(self):
        pass

    def get_password_list(self):
{body}"
    )
}

fn target(root: &Path) -> Target {
    Target {
        root: std::fs::canonicalize(root).unwrap(),
        entry_point: "main.py".into(),
        plugin_type: PluginType::CredentialStore,
        platform: Platform::newest(),
        configuration: String::new(),
        services: hookstorm::case::Value::empty_dict(),
        venv: None,
        limits: Limits { timeout: Duration::from_secs(20), ..Limits::default() },
        network: Network::Closed,
        sandbox: Sandbox::default(),
        coverage: true,
        instrument: false,
    }
}

/// What is seen of a call of `body`, in one process with others and in one of its own.
fn seen(body: &str, change: impl Fn(&mut Target)) -> [CallTrace; 2] {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.py"), plugin(body)).unwrap();
    let mut target = target(folder.path());
    change(&mut target);
    let (mut worker, loading) = Worker::start(&Arc::new(target)).unwrap();
    assert_eq!(loading.import, LoadEnding::Done, "{}", loading.output);
    assert_eq!(loading.attempts, []);
    let session = Session::new(vec![Call::new(Hook::GetPasswordList, Vec::new())]);
    BOTH.map(|isolation| {
        let trace = worker.run(std::slice::from_ref(&session), isolation).unwrap().pop().unwrap();
        trace.calls.into_iter().next().unwrap()
    })
}

/// What is tried by `body`, which must handle whatever that raises: kind, target and the plugin's line.
fn tried(body: &str) -> Vec<(AttemptKind, String, u32)> {
    let [persistent, isolated] = seen(body, |_| ());
    for call in [&persistent, &isolated] {
        assert!(matches!(call.ending, Ending::Returned(_)), "{call:#?}");
    }
    let reported = |attempts: Vec<Attempt>| -> Vec<_> {
        let line = |attempt: &Attempt| attempt.frames.iter().find(|frame| frame.file == "main.py").map(|f| f.line);
        attempts.into_iter().map(|one| (one.kind, one.target.clone(), line(&one).unwrap_or(0))).collect()
    };
    let reported = [reported(persistent.attempts), reported(isolated.attempts)];
    assert_eq!(reported[0], reported[1]);
    reported.into_iter().next().unwrap()
}

#[track_caller]
fn only(body: &str, kind: AttemptKind, target: &str) {
    assert_eq!(tried(body), [(kind, target.to_owned(), 15)], "{body}");
}

/// A body that expects an error of the system's.
fn raises(statement: &str, error: &str) -> String {
    format!("try:\n    {statement}\nexcept {error}:\n    return None\nraise AssertionError('nothing was raised')")
}

#[test]
fn addresses_are_not_reached_and_reported() {
    let connect = |call: &str| raises(call, "OSError");
    only(&connect("socket.socket().connect(('127.0.0.1', 9))"), AttemptKind::Connect, "127.0.0.1:9");
    only(&connect("socket.create_connection(('192.0.2.1', 443), 1)"), AttemptKind::Connect, "192.0.2.1:443");
    only(
        &connect("socket.socket(socket.AF_INET6).connect(('2001:db8::1', 9))"),
        AttemptKind::Connect,
        "[2001:db8::1]:9",
    );
    let datagram = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)";
    only(&connect(&format!("{datagram}.sendto(b'x', ('192.0.2.1', 53))")), AttemptKind::Connect, "192.0.2.1:53");
    only(
        &connect(&format!("{datagram}.sendmsg([b'x'], [], 0, ('192.0.2.1', 53))")),
        AttemptKind::Connect,
        "192.0.2.1:53",
    );
    only(
        &connect("urllib.request.urlopen('http://192.0.2.1:8200/v1/sys/health', timeout=1)"),
        AttemptKind::Connect,
        "192.0.2.1:8200",
    );
    only("pass\nsocket.socket().bind(('0.0.0.0', 8123))", AttemptKind::Listen, "0.0.0.0:8123");
}

#[test]
fn names_do_not_resolve_however_they_are_asked_for() {
    let name = |call: &str| raises(call, "socket.gaierror");
    only(&name("socket.getaddrinfo('vault.example.com', 443)"), AttemptKind::Resolve, "vault.example.com:443");
    only(&name("socket.create_connection(('localhost', 443), 1)"), AttemptKind::Resolve, "localhost:443");
    only(&name("socket.gethostbyname('vault.example.com')"), AttemptKind::Resolve, "vault.example.com");
    only(&name("socket.socket().connect(('vault.example.com', 22))"), AttemptKind::Resolve, "vault.example.com:22");
    only(&name("socket.socket().connect_ex(('vault.example.com', 22))"), AttemptKind::Resolve, "vault.example.com:22");
    let datagram = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)";
    only(&name(&format!("{datagram}.sendto(b'x', 0, ('syslog', 514))")), AttemptKind::Resolve, "syslog:514");
    only(&name("socket.getnameinfo(('192.0.2.1', 443), 0)"), AttemptKind::Resolve, "192.0.2.1");
    only(&raises("socket.gethostbyaddr('192.0.2.1')", "socket.herror"), AttemptKind::Resolve, "192.0.2.1");
}

#[test]
fn files_outside_of_the_plugins_folders_are_neither_made_nor_changed_nor_removed() {
    let outside = elsewhere();
    let outside = outside.path().canonicalize().unwrap();
    let there = outside.join("there");
    std::fs::write(&there, "as it was").unwrap();
    let (there, new) = (there.to_str().unwrap(), outside.join("new"));
    let new = new.to_str().unwrap();
    let statements = [
        (format!("open('{new}', 'w')"), new),
        (format!("open(b'{there}', 'ab')"), there),
        (format!("pathlib.Path('{there}').write_text('x')"), there),
        (format!("os.open('{there}', os.O_RDWR)"), there),
        (format!("os.makedirs('{new}/deep')"), new),
        (format!("os.remove('{there}')"), there),
        (format!("os.rename('{there}', 'mine')"), there),
        (format!("open('mine', 'w').close() or os.replace('mine', '{new}')"), new),
        (format!("os.symlink('mine', '{new}')"), new),
        (format!("os.truncate('{there}', 0)"), there),
        (format!("os.chmod('{there}', 0o777)"), there),
        (format!("os.utime('{there}')"), there),
        ("os.mkdir('hookstorm-test', dir_fd=os.open('/usr', os.O_RDONLY))".to_owned(), "/usr/hookstorm-test"),
    ];
    for (statement, target) in statements {
        only(&raises(&statement, "PermissionError"), AttemptKind::Write, target);
    }
    // Its own files are read, and not written.
    only(
        &raises("open(os.path.join(os.path.dirname(__file__), 'cache'), 'w')", "PermissionError"),
        AttemptKind::Write,
        "<package>/cache",
    );
    let [call, _] = seen(&format!("sqlite3.connect('{new}').execute('create table a (b)')"), |_| ());
    assert_eq!(call.attempts.iter().map(|one| one.target.as_str()).collect::<Vec<_>>(), [new]);
    assert_eq!(std::fs::read_to_string(there).unwrap(), "as it was");
}

#[test]
fn other_processes_get_no_signal() {
    // Whom it reaches where it is not refused, it does not harm.
    let kill = |call: &str| raises(call, "PermissionError");
    only(&kill("os.kill(1, signal.SIGURG)"), AttemptKind::Signal, "process 1");
    only(&kill("os.kill(-1, signal.SIGURG)"), AttemptKind::Signal, "every process");
    let parents = tried(&kill("os.kill(os.getppid(), signal.SIGURG)"));
    assert!(
        matches!(&parents[..], [(AttemptKind::Signal, target, 15)]
            if ["its parent process", "process 1"].contains(&target.as_str())),
        "{parents:?}"
    );
}

#[test]
fn what_is_the_plugins_own_is_no_attempt() {
    let bodies = [
        "a, b = socket.socketpair()\na.sendall(b'x')\nassert b.recv(1) == b'x'",
        "socket.getaddrinfo('192.0.2.1', 443)\nsocket.getaddrinfo('::1', None)\nsocket.getaddrinfo(None, 80)",
        "socket.getnameinfo(('192.0.2.1', 443), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)",
        "socket.gethostbyname('127.1')\nsocket.socket(socket.AF_UNIX).bind('own.sock')",
        "server = socket.socket(socket.AF_UNIX)\nserver.bind(os.path.join(os.environ['TMPDIR'], 's'))\nserver.listen()\n\
         socket.socket(socket.AF_UNIX).connect(os.path.join(os.environ['TMPDIR'], 's'))",
        "socket.socket().bind(('', 0))",
        "with tempfile.NamedTemporaryFile() as file:\n    file.write(b'x')",
        "with tempfile.TemporaryDirectory() as folder:\n    os.makedirs(folder + '/a/b')\n    open(folder + '/a/b/c', 'w')",
        "open(os.environ['SCB_PLUGIN_STATE_DIRECTORY'] + '/kept', 'a').write('x')\nopen('here', 'w').write('x')",
        "pathlib.Path(os.environ['HOME'], 'x').write_text('x')\nsqlite3.connect(pathlib.Path('own.db')).execute('create table a (b)')",
        "open(os.devnull, 'w').write('x')\nopen('/dev/stderr', 'w').write('x')\nsqlite3.connect(':memory:').close()",
        // What fails for another reason is not refused.
        "os.makedirs('/tmp', exist_ok=True)\ntry:\n    os.remove('/tmp/no-such-file-of-hookstorms')\nexcept FileNotFoundError:\n    pass",
        "try:\n    open('/no/such/folder/of/hookstorms', 'w')\nexcept FileNotFoundError:\n    pass",
        "subprocess.run(['true'])\nchild = subprocess.Popen(['sleep', '60'])\nchild.kill()\nchild.wait()",
        "child = subprocess.Popen(['sleep', '60'], start_new_session=True)\nos.killpg(child.pid, signal.SIGKILL)\nchild.wait()",
        "signal.signal(signal.SIGUSR1, signal.SIG_IGN)\nos.kill(os.getpid(), signal.SIGUSR1)\nos.kill(os.getppid(), 0)",
        "socket.getfqdn()",
        "import logging, logging.handlers\nlogging.basicConfig()\nlogging.getLogger('x').warning('hello')",
    ];
    for body in bodies {
        assert_eq!(tried(body), [], "{body}");
    }
}

#[test]
fn what_the_user_opens_is_open() {
    let vault = Destination { host: "vault.test".into(), port: 9, addresses: vec!["127.0.0.1".parse().unwrap()] };
    let body = "socket.socket().connect_ex(('127.0.0.1', 9))\nsocket.socket().connect_ex(('127.0.0.1', 10))\n\
                try:\n    socket.getaddrinfo('vault.test', 9)\nexcept OSError:\n    pass";
    let reported = |network: Network| {
        let [call, _] = seen(body, |target| target.network = network.clone());
        call.attempts.into_iter().map(|one| one.target).collect::<Vec<_>>()
    };
    assert_eq!(reported(Network::Only(vec![vault])), ["127.0.0.1:10"]);
    assert_eq!(reported(Network::Open), [] as [&str; 0]);
    assert_eq!(reported(Network::Closed), ["127.0.0.1:9", "127.0.0.1:10", "vault.test:9"]);
    let off = |target: &mut Target| target.sandbox.is_off = true;
    let [call, _] = seen("open('/dev/shm/../kmsg-of-nobody/x', 'w')", off);
    assert_eq!(call.attempts, []);
}

#[test]
fn an_open_address_opens_no_name_server() {
    let address = Destination { host: "192.0.2.1".into(), port: 9, addresses: vec!["192.0.2.1".parse().unwrap()] };
    let body = "try:\n    socket.gethostbyaddr('192.0.2.1')\nexcept OSError:\n    pass";
    let [call, _] = seen(body, |target| target.network = Network::Only(vec![address.clone()]));
    let attempts: Vec<_> = call.attempts.iter().map(|one| (one.kind, one.target.as_str())).collect();
    assert_eq!(attempts, [(AttemptKind::Resolve, "192.0.2.1")]);
}

#[test]
fn what_importing_and_constructing_try_is_reported_too() {
    let folder = tempfile::tempdir().unwrap();
    let main = "import socket\nsocket.socket().connect_ex(('192.0.2.1', 1))\n\nclass Plugin:\n    def __init__(self):\n        \
                socket.socket().connect_ex(('192.0.2.1', 2))\n";
    std::fs::write(folder.path().join("main.py"), main).unwrap();
    let (_, loading): (_, Loading) = Worker::start(&Arc::new(target(folder.path()))).unwrap();
    let reported: Vec<_> = loading.attempts.iter().map(|one| (one.target.as_str(), one.frames[0].line)).collect();
    assert_eq!(reported, [("192.0.2.1:1", 2), ("192.0.2.1:2", 6)]);
}

#[test]
fn nothing_of_a_plugin_that_tries_all_ways_reaches_a_server_on_loopback() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    datagrams.set_nonblocking(true).unwrap();
    let (port, udp) = (server.local_addr().unwrap().port(), datagrams.local_addr().unwrap().port());
    let body = format!(
        "for way in (self.by_socket, self.by_datagram, self.by_urllib, self.by_ctypes, self.by_program):
    try:
        way()
    except OSError:
        pass
return {{'passwords': []}}

def by_socket(self):
    socket.create_connection(('127.0.0.1', {port}), 1).close()

def by_datagram(self):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {udp}))

def by_urllib(self):
    urllib.request.urlopen('http://127.0.0.1:{port}/', timeout=1).close()

def by_ctypes(self):
    address = b'\\x02\\x00' + ({port}).to_bytes(2, 'big') + b'\\x7f\\x00\\x00\\x01' + bytes(8)
    libc = ctypes.CDLL(None)
    descriptor = libc.socket(2, 1, 0)
    libc.connect(descriptor, address, len(address))
    libc.close(descriptor)

def by_program(self):
    subprocess.run(['bash', '-c', ': < /dev/tcp/127.0.0.1/{port}'], stderr=subprocess.DEVNULL)
"
    );
    // The helpers are methods of the class.
    let main = plugin(&body).replace("\n        def ", "\n    def ");
    let desk = Desk::new();
    desk.write("canary/main.py", main);
    desk.write(
        "canary/MANIFEST",
        "api: \"1.9\"\ntype: credentialstore\nname: Canary\nversion: \"1.0\"\ndescription: A plugin of the tests\n\
         entry_point: main.py\n",
    );
    let ran = desk.run(&["test", "canary", "--runs", "20", "--seed", "1", "--format", "json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(server.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(datagrams.recv_from(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);

    let report = ran.json();
    let findings = report["findings"].as_array().unwrap();
    let said = |function: &str| {
        let of = |one: &&serde_json::Value| one["location"]["function"] == function;
        findings.iter().find(of).unwrap_or_else(|| panic!("nothing of {function}: {findings:#?}"))
    };
    for (function, port) in [("by_socket", port), ("by_datagram", udp), ("by_urllib", port)] {
        let finding = said(function);
        assert_eq!(finding["rule"], "sandbox-violation");
        assert!(finding["message"].as_str().unwrap().contains(&format!("127.0.0.1:{port}")), "{finding:#?}");
    }
}
