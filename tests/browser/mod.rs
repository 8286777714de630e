//! A browser without a window, which the tests control through two pipes. It opens pages, lists what they load and what
//! they log, and evaluates expressions in them.
//!
//! It is Chromium, Debian's package of that name. If there is none, the test is skipped. If `HOOKSTORM_TEST_CHROMIUM`
//! names a program that does not exist, the test fails.
#![allow(dead_code)]

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::skip::skip;

/// How long one answer may take before the browser counts as hung: far more than any does.
const DEADLINE: Duration = Duration::from_secs(120);

/// A running browser with one page.
pub(crate) struct Browser {
    child: Child,
    orders: ChildStdin,
    answers: Receiver<Vec<u8>>,
    events: Vec<Value>,
    session: Option<String>,
    number: u64,
    /// What it keeps; gone with it.
    _folder: tempfile::TempDir,
}

/// What a page did while it was opened.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// What it complained about.
    pub(crate) complaints: Vec<String>,
    /// What it asked for, itself included.
    pub(crate) requests: Vec<String>,
}

impl Browser {
    /// Starts it; none if the machine has none.
    pub(crate) fn start() -> Option<Self> {
        let wanted = env::var("HOOKSTORM_TEST_CHROMIUM").ok().filter(|name| !name.is_empty());
        let is_there = |name: &str| {
            name.contains('/') && Path::new(name).exists()
                || env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(name).exists())
        };
        let found = match &wanted {
            Some(name) => is_there(name).then_some(name.as_str()),
            None => ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| is_there(name)),
        };
        let Some(program) = found else {
            let remedy = "on Debian, `apt-get install chromium`; HOOKSTORM_TEST_CHROMIUM names another one";
            assert!(wanted.is_none(), "HOOKSTORM_TEST_CHROMIUM is {wanted:?}, and there is no such program");
            skip("there is no Chromium on PATH", remedy);
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        // Orders come in on descriptor 3 and answers go out on 4. Its own sandbox is left out, since root has none; the
        // pages are ours.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 1>&2"#, "sh", program, "--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .arg("about:blank")
            .env("HOME", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        let (sender, answers) = channel();
        let mut output = BufReader::new(child.stdout.take().expect("it was asked for"));
        thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|count| count > 0) {
                message.pop();
                if sender.send(std::mem::take(&mut message)).is_err() {
                    break;
                }
            }
        });
        let orders = child.stdin.take().expect("it was asked for");
        let mut browser =
            Self { child, orders, answers, events: Vec::new(), session: None, number: 0, _folder: folder };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached = browser.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Opens a file in a window of that width, light or dark.
    pub(crate) fn open(&mut self, file: &Path, width: u32, is_dark: bool) -> Opened {
        let theme = if is_dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": theme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        self.events.clear();
        self.call("Page.navigate", json!({"url": format!("file://{}", file.display())}));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.receive();
            self.events.push(event);
        }
        // What it says at the end of loading is behind one more question and its answer.
        self.ask("document.readyState");
        let mut opened = Opened::default();
        for event in self.events.drain(..) {
            match event["method"].as_str() {
                Some("Log.entryAdded" | "Runtime.consoleAPICalled" | "Runtime.exceptionThrown") => {
                    opened.complaints.push(event["params"].to_string());
                }
                Some("Network.requestWillBeSent") => {
                    opened.requests.push(event["params"]["request"]["url"].as_str().unwrap_or_default().to_owned());
                }
                _ => {}
            }
        }
        opened
    }

    /// What an expression of JavaScript is worth in the page.
    pub(crate) fn ask(&mut self, expression: &str) -> Value {
        let answer = self.call("Runtime.evaluate", json!({"expression": expression, "returnByValue": true}));
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer:#}");
        answer["result"]["value"].clone()
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.number += 1;
        let mut order = json!({"id": self.number, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            order["sessionId"] = session.as_str().into();
        }
        let mut bytes = order.to_string().into_bytes();
        bytes.push(0);
        self.orders.write_all(&bytes).expect("the browser listens");
        loop {
            let message = self.receive();
            if message["id"] == self.number {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    fn receive(&mut self) -> Value {
        let message = self.answers.recv_timeout(DEADLINE).expect("the browser lives and answers");
        serde_json::from_slice(&message).expect("the browser speaks JSON")
    }
}

impl Drop for Browser {
    /// Its other processes end with it.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
