//! What follows from the facts: which of them is well, which is not, why, and what to do. Pure.

use super::facts::{Facts, Sdk, Trouble, Worker};
use crate::{
    report::{Check, Diagnosis, State},
    runtime::{
        machine::NoLandlock,
        sandbox::{MissingProtections, Protection},
    },
};

const RUN_ON: &str = "what plugins run on";
const HOLDS: &str = "what holds them";
const MACHINE: &str = "the machine";

/// Below this an archive may find no room to be unpacked: the most that one may unpack to, and a little.
const ROOM_BYTES: u64 = 256 << 20;

/// The first version of Landlock that refuses to cut off files.
const TRUNCATION: u32 = 3;

/// What is said of `facts`.
pub(super) fn diagnosis(facts: &Facts) -> Diagnosis {
    let mut checks = run_on(facts);
    let missing = facts.worker.as_ref().map_or(MissingProtections::default(), |worker| worker.missing);
    if facts.worker.is_ok() {
        checks.extend(Protection::ALL.map(|one| protection(facts, one, missing.has(one))));
    }
    checks.extend(machine(facts, missing));
    Diagnosis {
        hookstorm: env!("CARGO_PKG_VERSION"),
        can_run: checks.iter().all(|check| check.state != State::Failed),
        missing: missing.protections().count(),
        checks,
    }
}

fn check(group: &'static str, name: &'static str, found: impl Into<String>) -> Check {
    Check { group, name, state: State::Ok, found: Some(found.into()), leaves_open: None, remedies: Vec::new() }
}

impl Check {
    fn is(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    fn opens(mut self, text: &str) -> Self {
        self.leaves_open = Some(text.to_owned());
        self
    }

    fn remedied(mut self, remedies: impl IntoIterator<Item = String>) -> Self {
        self.remedies.extend(remedies);
        self
    }
}

/// Worker, Python, SDK.
fn run_on(facts: &Facts) -> Vec<Check> {
    let mut checks = match &facts.worker {
        Ok(Worker { program, python, library, standard_library, .. }) => {
            let library = library.as_ref().map_or("in the worker".to_owned(), |path| path.display().to_string());
            vec![
                check(RUN_ON, "worker", program.display().to_string()),
                check(RUN_ON, "Python", python),
                check(RUN_ON, "libpython", library),
                check(RUN_ON, "standard library", standard_library.display().to_string()),
            ]
        }
        Err(Trouble { problem, hint }) => {
            let (path, why) = &facts.interpreter;
            let unreachable = why.as_ref().map(|why| {
                format!(
                    "this hookstorm was built against `{}`, which user {} cannot reach ({why}): build it against a Python that \
                     all may read, or run it as who built it",
                    path.display(),
                    facts.user
                )
            });
            vec![
                check(RUN_ON, "worker", problem)
                    .is(State::Failed)
                    .remedied(unreachable.into_iter().chain(hint.clone())),
            ]
        }
    };
    checks.extend(sdk(&facts.sdk));
    checks
}

fn sdk(sdk: &Sdk) -> Option<Check> {
    const NAME: &str = "Plugin SDK";
    const OPEN: &str = "plugins that import the SDK do not load";
    let install = |python: &str| format!("`{python} -m pip install oneidentity-safeguard-sessions-plugin-sdk`");
    Some(match sdk {
        Sdk::NotTried => return None,
        Sdk::Found { venv, version } => check(RUN_ON, NAME, format!("{version} in `{}`", venv.display())),
        Sdk::NoVenv => {
            let make =
                format!("`python{} -m venv DIR`, then {}", crate::runtime::PYTHON_VERSION, install("DIR/bin/python"));
            check(RUN_ON, NAME, "no virtual environment is named")
                .is(State::Missing)
                .opens(OPEN)
                .remedied(["name one with `--venv DIR` or VIRTUAL_ENV".to_owned(), make])
        }
        Sdk::NotThere { venv } => check(RUN_ON, NAME, format!("not in `{}`", venv.display()))
            .is(State::Missing)
            .opens(OPEN)
            .remedied([install(&venv.join("bin/python").to_string_lossy())]),
        Sdk::Broken { venv, problem } => {
            check(RUN_ON, NAME, format!("it is in `{}`, and importing it fails: {problem}", venv.display()))
                .is(State::Missing)
                .opens(OPEN)
        }
        Sdk::NoUse(Trouble { problem, hint }) => check(RUN_ON, NAME, problem).is(State::Failed).remedied(hint.clone()),
    })
}

/// One of the protections.
fn protection(facts: &Facts, protection: Protection, is_missing: bool) -> Check {
    let name = protection.name();
    if !is_missing {
        let found = match (protection, facts.landlock) {
            (Protection::Files, Ok(version @ ..TRUNCATION)) => Some(format!(
                "version {version}: cutting off files is refused from version {TRUNCATION} (Linux 6.2) on"
            )),
            (Protection::Files, Ok(version)) => Some(format!("version {version}")),
            _ => None,
        };
        return Check { found, ..check(HOLDS, name, "") };
    }
    let (reasons, remedies) = match protection {
        Protection::Processes | Protection::Network | Protection::Mounts => namespaces(facts),
        Protection::Calls => listeners(facts),
        Protection::Files => landlock(facts),
        // Without a mount namespace it cannot be had either.
        Protection::ProcessList if !switched_off(facts).0.is_empty() => namespaces(facts),
        Protection::ProcessList => {
            let reason = "parts of the `/proc` of this machine are covered, and then nobody gets a whole one";
            (vec![reason.to_owned()], facts.container.iter().map(|kind| loosened(kind)).collect())
        }
    };
    check(HOLDS, name, reasons.join("; ")).is(State::Missing).opens(protection.leaves_open()).remedied(remedies)
}

/// Why namespaces are refused, and what to do.
fn namespaces(facts: &Facts) -> (Vec<String>, Vec<String>) {
    let (mut reasons, mut remedies) = switched_off(facts);
    if !reasons.is_empty() {
        return (reasons, remedies);
    }
    if let Some(kind) = &facts.container {
        reasons.push(format!("this container ({kind}) withholds them, or the kernel below it"));
        remedies.push(loosened(kind));
    } else if facts.is_filtered {
        reasons.push("what started hookstorm filters its calls to the kernel (seccomp), and may refuse them".into());
        remedies.push("start hookstorm from where its calls are not filtered".into());
    } else {
        reasons.push("the kernel refuses them, and does not tell why".into());
        remedies.extend((facts.user != 0).then(|| "see whether root has them: `sudo hookstorm doctor`".to_owned()));
    }
    (reasons, remedies)
}

/// The switches by which user namespaces are off for this user.
fn switched_off(facts: &Facts) -> (Vec<String>, Vec<String>) {
    let (mut reasons, mut remedies) = (Vec::new(), Vec::new());
    let mut switch = |is_off: bool, name: &str, off: &str, on: &str| {
        if is_off {
            reasons.push(format!("`{name}` is {off}"));
            remedies.push(format!("as root on the host: `sysctl -w {name}={on}`; a file in `/etc/sysctl.d` keeps it"));
        }
    };
    let is_ordinary = facts.user != 0;
    let known = &facts.namespaces;
    switch(known.most == Some(0), "user.max_user_namespaces", "0", "15000");
    switch(is_ordinary && known.are_for_all == Some(false), "kernel.unprivileged_userns_clone", "0", "1");
    let name = "kernel.apparmor_restrict_unprivileged_userns";
    switch(is_ordinary && known.are_restricted == Some(true), name, "1", "0");
    if is_ordinary && known.are_restricted == Some(true) {
        remedies.push("or an AppArmor profile for `hookstorm-worker` that has `userns,`".into());
    }
    (reasons, remedies)
}

/// How a container of that kind is started so that it withholds nothing.
fn loosened(kind: &str) -> String {
    match kind {
        "Podman" | "libpod" => "`podman run --security-opt seccomp=unconfined --security-opt unmask=ALL …`".to_owned(),
        "kubepods" => {
            "in the pod: `hostUsers: false`, and `securityContext` with `seccompProfile: {type: Unconfined}` and \
             `procMount: Unmasked`"
                .to_owned()
        }
        _ => "`docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt \
              systempaths=unconfined …`: the plugin is held by hookstorm then, and hookstorm by less"
            .to_owned(),
    }
}

/// Why there is no listener, and what to do.
fn listeners(facts: &Facts) -> (Vec<String>, Vec<String>) {
    match facts.has_listeners {
        Some(true) => {
            let reason = "the kernel has them and refuses one here: another one may hold this process already, as some \
                          containers do";
            (vec![reason.to_owned()], facts.container.iter().map(|kind| loosened(kind)).collect())
        }
        Some(false) | None => {
            let remedy = "Linux 5.5 or newer, not one that a container emulates (gVisor)";
            (vec!["the kernel does not have them".to_owned()], vec![remedy.to_owned()])
        }
    }
}

/// Why there is no Landlock, and what to do.
fn landlock(facts: &Facts) -> (Vec<String>, Vec<String>) {
    let (reason, mut remedies) = match facts.landlock {
        Ok(version) => (format!("the kernel has version {version} and refuses it here"), Vec::new()),
        Err(NoLandlock::Unknown) => {
            let remedy = "Linux 5.13 or newer, built with `CONFIG_SECURITY_LANDLOCK=y`";
            ("the kernel does not know it".to_owned(), vec![remedy.to_owned()])
        }
        Err(NoLandlock::Disabled) => {
            let others = facts.modules.as_deref().unwrap_or("…");
            let remedy = format!("start the kernel with `lsm=landlock,{others}` on its command line");
            ("the kernel was started without it".to_owned(), vec![remedy])
        }
        Err(NoLandlock::Refused) => ("something refuses to ask the kernel for it".to_owned(), Vec::new()),
    };
    if !matches!(facts.landlock, Err(NoLandlock::Disabled))
        && let Some(kind) = &facts.container
    {
        remedies.push(format!("or, where the container refuses it, {}", loosened(kind)));
    }
    (vec![reason], remedies)
}

/// The rest.
fn machine(facts: &Facts, missing: MissingProtections) -> Vec<Check> {
    let user = match facts.user {
        0 => "root".to_owned(),
        number => format!("an ordinary one, number {number}"),
    };
    let filtered = if facts.is_filtered { "our own calls are filtered" } else { "our own calls are not filtered" };
    let memory = facts.memory_bytes.map_or("unknown".to_owned(), size);
    let scratch = facts.scratch.display();
    let elsewhere = ["`TMPDIR` names another place".to_owned()];
    let scratch = match &facts.room {
        Ok(free) if *free < ROOM_BYTES => {
            check(MACHINE, "scratch folders", format!("in `{scratch}`, {} free", size(*free)))
                .is(State::Missing)
                .opens("an archive may find no room to be unpacked")
                .remedied(elsewhere)
        }
        Ok(free) => check(MACHINE, "scratch folders", format!("in `{scratch}`, {} free", size(*free))),
        Err(why) => check(MACHINE, "scratch folders", format!("none can be made in `{scratch}`: {why}"))
            .is(State::Failed)
            .remedied(elsewhere),
    };
    vec![
        check(MACHINE, "kernel", format!("Linux {}", facts.kernel)),
        check(MACHINE, "user", user),
        check(MACHINE, "container", facts.container.as_deref().unwrap_or("none that can be seen")),
        user_namespaces(facts, missing),
        check(MACHINE, "seccomp", filtered),
        check(MACHINE, "cores", facts.cores.to_string()),
        check(MACHINE, "memory", memory),
        scratch,
    ]
}

fn user_namespaces(facts: &Facts, missing: MissingProtections) -> Check {
    let (reasons, _) = switched_off(facts);
    let found = match (reasons.is_empty(), facts.namespaces.most) {
        (true, Some(most)) => format!("at most {most}"),
        (true, None) => "the kernel does not tell".to_owned(),
        (false, _) => format!("switched off: {}", reasons.join(", ")),
    };
    let lacks =
        [Protection::Processes, Protection::Network, Protection::Mounts].into_iter().any(|one| missing.has(one));
    let state = if !reasons.is_empty() && lacks { State::Missing } else { State::Ok };
    check(MACHINE, "user namespaces", found).is(state)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..0x4000_0000 => format!("{} MB", bytes >> 20),
        _ => format!("{:.1} GB", bytes as f64 / f64::from(1 << 30)),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::facts::Namespaces, *};

    /// A machine that has everything.
    fn facts() -> Facts {
        Facts {
            kernel: "6.8.0-45-generic".into(),
            user: 1000,
            container: None,
            is_filtered: false,
            namespaces: Namespaces { are_for_all: Some(true), most: Some(96365), are_restricted: Some(false) },
            has_listeners: Some(true),
            landlock: Ok(4),
            modules: Some("lockdown,capability,yama,apparmor".into()),
            cores: 8,
            memory_bytes: Some(16 << 30),
            scratch: "/tmp".into(),
            room: Ok(50 << 30),
            worker: Ok(Worker {
                program: "/usr/bin/hookstorm-worker".into(),
                python: "3.11.7".into(),
                library: Some("/usr/lib/libpython3.11.so.1.0".into()),
                standard_library: "/usr/lib/python3.11".into(),
                missing: MissingProtections::default(),
            }),
            interpreter: ("/usr/bin/python3.11".into(), None),
            sdk: Sdk::Found { venv: ".venv".into(), version: "1.5.0".into() },
        }
    }

    fn without(facts: Facts, all: &[Protection]) -> Facts {
        let mut missing = MissingProtections::default();
        all.iter().for_each(|one| missing.add(*one));
        Facts { worker: facts.worker.map(|worker| Worker { missing, ..worker }), ..facts }
    }

    fn told(facts: &Facts) -> String {
        anstream::adapter::strip_str(&diagnosis(facts).to_text(100)).to_string()
    }

    #[test]
    fn a_machine_that_has_everything() {
        let diagnosis = diagnosis(&facts());
        assert!(diagnosis.can_run && diagnosis.missing == 0);
        assert!(diagnosis.checks.iter().all(|check| check.state == State::Ok && check.remedies.is_empty()));
        insta::assert_snapshot!(told(&facts()));
    }

    #[test]
    fn a_container_that_withholds_all_it_can() {
        let facts = Facts {
            user: 0,
            container: Some("Docker".into()),
            is_filtered: true,
            landlock: Err(NoLandlock::Refused),
            namespaces: Namespaces { most: Some(96365), ..Namespaces::default() },
            sdk: Sdk::NoVenv,
            ..facts()
        };
        insta::assert_snapshot!(told(&without(facts, &Protection::ALL)));
    }

    #[test]
    fn switches_are_named_with_what_turns_them() {
        let namespaces = Namespaces { are_for_all: Some(false), most: Some(0), are_restricted: Some(true) };
        let facts = Facts { namespaces, ..facts() };
        let facts = without(facts, &[Protection::Processes]);
        insta::assert_snapshot!(told(&facts));
        // Root needs only the one; and who misses nothing is not told of switches.
        let (reasons, remedies) = super::namespaces(&Facts { user: 0, ..facts.clone() });
        assert_eq!((reasons.join(""), remedies.len()), ("`user.max_user_namespaces` is 0".to_owned(), 1));
        let all = diagnosis(&without(facts, &[]));
        assert!(all.checks.iter().all(|check| check.state == State::Ok), "{all:?}");
    }

    #[test]
    fn landlock_is_missing_for_one_of_several_reasons() {
        let remedy = |landlock, container: Option<&str>| {
            let facts = Facts { landlock, container: container.map(Into::into), ..facts() };
            let check = protection(&facts, Protection::Files, true);
            format!("{}: {}", check.found.unwrap_or_default(), check.remedies.join(" | "))
        };
        let all = [
            remedy(Err(NoLandlock::Unknown), None),
            remedy(Err(NoLandlock::Disabled), Some("Docker")),
            remedy(Err(NoLandlock::Refused), Some("Podman")),
            remedy(Err(NoLandlock::Refused), Some("kubepods")),
            remedy(Ok(1), None),
        ];
        insta::assert_snapshot!(all.join("\n"));
        let old = protection(&Facts { landlock: Ok(1), ..facts() }, Protection::Files, false);
        assert!(old.found.is_some_and(|found| found.contains("from version 3")));
    }

    #[test]
    fn without_a_worker_nothing_can_be_run_and_the_reason_is_told() {
        let trouble = Trouble {
            problem: "CPython 3.11 cannot be loaded: libpython3.11.so.1.0: cannot open shared object file".into(),
            hint: Some("install the shared library".into()),
        };
        let interpreter = ("/home/ci/bin/python3.11".into(), Some("permission denied".into()));
        let facts = Facts { worker: Err(trouble), interpreter, sdk: Sdk::NotTried, ..facts() };
        let diagnosis = diagnosis(&facts);
        assert!(!diagnosis.can_run && diagnosis.missing == 0);
        assert!(diagnosis.checks.iter().all(|check| check.group != HOLDS), "nobody could look");
        let text = told(&facts);
        assert!(
            text.contains("which user 1000 cannot reach (permission denied)")
                && text.ends_with("no plugin can be run here\n")
        );
    }

    #[test]
    fn an_environment_that_cannot_be_used_keeps_plugins_from_running_and_one_without_the_sdk_does_not() {
        let with = |sdk| diagnosis(&Facts { sdk, ..facts() });
        assert!(!with(Sdk::NoUse(Trouble { problem: "`x` is none".into(), hint: None })).can_run);
        let all = [
            Sdk::NotThere { venv: "/venv".into() },
            Sdk::NoVenv,
            Sdk::Broken { venv: "/venv".into(), problem: "ImportError: no".into() },
        ];
        for sdk in all {
            let diagnosis = with(sdk);
            assert!(diagnosis.can_run);
            let check = diagnosis.checks.iter().find(|check| check.name == "Plugin SDK").unwrap();
            assert_eq!((check.state, check.leaves_open.is_some()), (State::Missing, true));
        }
    }

    #[test]
    fn a_full_disk_is_told_before_it_is_met_and_a_closed_one_ends_it() {
        let with = |room| diagnosis(&Facts { room, ..facts() });
        assert!(with(Ok(1 << 20)).can_run);
        assert!(!with(Err("permission denied".into())).can_run);
    }
}
