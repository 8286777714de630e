//! Judges the facts: what works, what is missing, why, what the risk is and how to repair it. Pure.

use super::facts::{Facts, Problem, Sdk, Worker};
use crate::{
    report::{Check, CheckGroup, Diagnosis, State},
    runtime::{
        kernel::NoLandlock,
        sandbox::{MissingProtections, Protection},
    },
};

/// Enough free space to unpack any archive: the limit of an unpacked archive and some more.
const FREE_BYTES: u64 = 256 << 20;

/// The first version of Landlock that can refuse truncation.
const TRUNCATION: u32 = 3;

/// Judges `facts`.
pub(super) fn diagnosis(facts: &Facts) -> Diagnosis {
    let mut checks = python(facts);
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

fn check(group: CheckGroup, name: &'static str, found: impl Into<String>) -> Check {
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

/// The worker, its Python, the Plugin SDK.
fn python(facts: &Facts) -> Vec<Check> {
    let mut checks = match &facts.worker {
        Ok(Worker { program, python, library, standard_library, .. }) => {
            let library = library.as_ref().map_or("in the worker".to_owned(), |path| path.display().to_string());
            vec![
                check(CheckGroup::Python, "worker", program.display().to_string()),
                check(CheckGroup::Python, "Python", python),
                check(CheckGroup::Python, "libpython", library),
                check(CheckGroup::Python, "standard library", standard_library.display().to_string()),
            ]
        }
        Err(Problem { problem, hint }) => {
            let unreachable = facts.interpreter.as_ref().map(|(path, why)| {
                format!(
                    "this hookstorm was built with `{}`, which user {} cannot read ({why}): build it with a Python that every \
                     user may read, or run it as the user who built it",
                    path.display(),
                    facts.user
                )
            });
            vec![
                check(CheckGroup::Python, "worker", problem)
                    .is(State::Failed)
                    .remedied(unreachable.into_iter().chain(hint.clone())),
            ]
        }
    };
    checks.extend(sdk(facts));
    checks
}

fn sdk(facts: &Facts) -> Option<Check> {
    const NAME: &str = "Plugin SDK";
    const OPEN: &str = "plugins that import the SDK cannot be loaded";
    let install = |python: &str| format!("`{python} -m pip install oneidentity-safeguard-sessions-plugin-sdk`");
    Some(match &facts.sdk {
        Sdk::NotTried => return None,
        Sdk::Found { venv, version } => check(CheckGroup::Python, NAME, format!("{version} in `{}`", venv.display())),
        Sdk::NoVenv => {
            let version = facts.worker.as_ref().ok().and_then(|worker| Some(worker.python.rsplit_once('.')?.0));
            let make = format!("`python{} -m venv DIR`, then {}", version.unwrap_or("3"), install("DIR/bin/python"));
            check(CheckGroup::Python, NAME, "no virtual environment is set")
                .is(State::Missing)
                .opens(OPEN)
                .remedied(["set one with `--venv DIR` or VIRTUAL_ENV".to_owned(), make])
        }
        Sdk::NotThere { venv } => check(CheckGroup::Python, NAME, format!("not in `{}`", venv.display()))
            .is(State::Missing)
            .opens(OPEN)
            .remedied([install(&venv.join("bin/python").to_string_lossy())]),
        Sdk::Broken { venv, problem } => check(
            CheckGroup::Python,
            NAME,
            format!("installed in `{}`, but importing it fails: {problem}", venv.display()),
        )
        .is(State::Missing)
        .opens(OPEN),
        Sdk::NoUse(Problem { problem, hint }) => {
            check(CheckGroup::Python, NAME, problem).is(State::Failed).remedied(hint.clone())
        }
    })
}

/// One of the protections.
fn protection(facts: &Facts, protection: Protection, is_missing: bool) -> Check {
    let name = protection.name();
    if !is_missing {
        let found = match (protection, facts.landlock) {
            (Protection::Files, Ok(version @ ..TRUNCATION)) => Some(format!(
                "version {version}, which cannot refuse to truncate files; version {TRUNCATION} (Linux 6.2) can"
            )),
            (Protection::Files, Ok(version)) => Some(format!("version {version}")),
            _ => None,
        };
        return Check { found, ..check(CheckGroup::Sandbox, name, "") };
    }
    let (reasons, remedies) = match protection {
        Protection::Processes | Protection::Network | Protection::Mounts => namespaces(facts),
        Protection::Calls => listeners(facts),
        Protection::Files => landlock(facts),
        // It needs a mount namespace.
        Protection::ProcessList if !switched_off(facts).0.is_empty() => namespaces(facts),
        Protection::ProcessList => {
            let reason = "parts of `/proc` are hidden here, and then the kernel allows no new `/proc`";
            (vec![reason.to_owned()], facts.container.iter().map(|kind| loosened(kind)).collect())
        }
    };
    check(CheckGroup::Sandbox, name, reasons.join("; "))
        .is(State::Missing)
        .opens(protection.leaves_open())
        .remedied(remedies)
}

/// Why namespaces are missing, and how to get them.
fn namespaces(facts: &Facts) -> (Vec<String>, Vec<String>) {
    let (mut reasons, mut remedies) = switched_off(facts);
    if !reasons.is_empty() {
        return (reasons, remedies);
    }
    if let Some(kind) = &facts.container {
        reasons.push(format!("this container ({kind}) or its kernel refuses them"));
        remedies.push(loosened(kind));
    } else if facts.is_filtered {
        reasons.push("the parent process filters the system calls of hookstorm (seccomp), and may refuse them".into());
        remedies.push("start hookstorm from a process without a seccomp filter".into());
    } else {
        reasons.push("the kernel refuses them for an unknown reason".into());
        remedies
            .extend((facts.user != 0).then(|| "check whether root may use them: `sudo hookstorm doctor`".to_owned()));
    }
    (reasons, remedies)
}

/// The kernel settings that refuse user namespaces to this user.
fn switched_off(facts: &Facts) -> (Vec<String>, Vec<String>) {
    let (mut reasons, mut remedies) = (Vec::new(), Vec::new());
    let mut switch = |is_off: bool, name: &str, off: &str, on: &str| {
        if is_off {
            reasons.push(format!("`{name}` is {off}"));
            remedies.push(format!(
                "as root on the host: `sysctl -w {name}={on}`; to keep it, write it to a file in `/etc/sysctl.d`"
            ));
        }
    };
    let is_ordinary = facts.user != 0;
    let known = &facts.namespaces;
    switch(known.most == Some(0), "user.max_user_namespaces", "0", "15000");
    switch(is_ordinary && known.are_for_all == Some(false), "kernel.unprivileged_userns_clone", "0", "1");
    let name = "kernel.apparmor_restrict_unprivileged_userns";
    switch(is_ordinary && known.are_restricted == Some(true), name, "1", "0");
    if is_ordinary && known.are_restricted == Some(true) {
        remedies.push("or give `hookstorm` an AppArmor profile with `userns,`".into());
    }
    (reasons, remedies)
}

/// How to start a container of that kind so that it refuses nothing.
fn loosened(kind: &str) -> String {
    match kind {
        "Podman" | "libpod" => "`podman run --security-opt seccomp=unconfined --security-opt unmask=ALL …`".to_owned(),
        "kubepods" => {
            "in the pod: `hostUsers: false`, and `securityContext` with `seccompProfile: {type: Unconfined}` and \
             `procMount: Unmasked`"
                .to_owned()
        }
        _ => "`docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt \
              systempaths=unconfined …`; hookstorm then confines the plugin, and the container confines hookstorm less"
            .to_owned(),
    }
}

/// Why there is no seccomp listener, and how to get one.
fn listeners(facts: &Facts) -> (Vec<String>, Vec<String>) {
    match facts.has_listeners {
        Some(true) => {
            let reason = "the kernel supports them and refuses one here: this process may already have one, as in some containers";
            (vec![reason.to_owned()], facts.container.iter().map(|kind| loosened(kind)).collect())
        }
        Some(false) | None => {
            let remedy = "use Linux 5.5 or newer, not a kernel that a container emulates (gVisor)";
            (vec!["the kernel does not support them".to_owned()], vec![remedy.to_owned()])
        }
    }
}

/// Why there is no Landlock, and how to get it.
fn landlock(facts: &Facts) -> (Vec<String>, Vec<String>) {
    let (reason, mut remedies) = match facts.landlock {
        Ok(version) => (format!("the kernel supports version {version} and refuses it here"), Vec::new()),
        Err(NoLandlock::Unknown) => {
            let remedy = "use Linux 5.13 or newer, built with `CONFIG_SECURITY_LANDLOCK=y`";
            ("the kernel does not support it".to_owned(), vec![remedy.to_owned()])
        }
        Err(NoLandlock::Disabled) => {
            let others = facts.modules.as_deref().unwrap_or("…");
            let remedy = format!("add `lsm=landlock,{others}` to the kernel's command line");
            ("the kernel was started without it".to_owned(), vec![remedy])
        }
        Err(NoLandlock::Refused) => ("something blocks the system call that asks for it".to_owned(), Vec::new()),
    };
    if !matches!(facts.landlock, Err(NoLandlock::Disabled))
        && let Some(kind) = &facts.container
    {
        remedies.push(format!("if the container refuses it: {}", loosened(kind)));
    }
    (vec![reason], remedies)
}

/// Kernel, user, container, resources.
fn machine(facts: &Facts, missing: MissingProtections) -> Vec<Check> {
    let user = match facts.user {
        0 => "root".to_owned(),
        number => format!("user {number}, not root"),
    };
    let filtered =
        if facts.is_filtered { "our own system calls are filtered" } else { "our own system calls are not filtered" };
    let memory = facts.memory_bytes.map_or("unknown".to_owned(), size);
    let scratch = facts.scratch.display();
    let elsewhere = ["set `TMPDIR` to another folder".to_owned()];
    let scratch = match &facts.free_bytes {
        Ok(free) if *free < FREE_BYTES => {
            check(CheckGroup::Machine, "scratch folders", format!("in `{scratch}`, {} free", size(*free)))
                .is(State::Missing)
                .opens("unpacking an archive may fail")
                .remedied(elsewhere)
        }
        Ok(free) => check(CheckGroup::Machine, "scratch folders", format!("in `{scratch}`, {} free", size(*free))),
        Err(why) => check(CheckGroup::Machine, "scratch folders", format!("cannot create one in `{scratch}`: {why}"))
            .is(State::Failed)
            .remedied(elsewhere),
    };
    vec![
        check(CheckGroup::Machine, "kernel", format!("Linux {}", facts.kernel)),
        check(CheckGroup::Machine, "user", user),
        check(CheckGroup::Machine, "container", facts.container.as_deref().unwrap_or("none detected")),
        user_namespaces(facts, missing),
        check(CheckGroup::Machine, "seccomp", filtered),
        check(CheckGroup::Machine, "cores", facts.cores.to_string()),
        check(CheckGroup::Machine, "memory", memory),
        scratch,
    ]
}

fn user_namespaces(facts: &Facts, missing: MissingProtections) -> Check {
    let (reasons, _) = switched_off(facts);
    let found = match (reasons.is_empty(), facts.namespaces.most) {
        (true, Some(most)) => format!("at most {most}"),
        (true, None) => "unknown".to_owned(),
        (false, _) => format!("switched off: {}", reasons.join(", ")),
    };
    let lacks =
        [Protection::Processes, Protection::Network, Protection::Mounts].into_iter().any(|one| missing.has(one));
    let state = if !reasons.is_empty() && lacks { State::Missing } else { State::Ok };
    check(CheckGroup::Machine, "user namespaces", found).is(state)
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

    /// A machine that lacks nothing.
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
            free_bytes: Ok(50 << 30),
            worker: Ok(Worker {
                program: "/usr/bin/hookstorm-worker".into(),
                python: "3.11.7".into(),
                library: Some("/usr/lib/libpython3.11.so.1.0".into()),
                standard_library: "/usr/lib/python3.11".into(),
                missing: MissingProtections::default(),
            }),
            interpreter: None,
            sdk: Sdk::Found { venv: ".venv".into(), version: "1.5.0".into() },
        }
    }

    fn without(facts: Facts, all: &[Protection]) -> Facts {
        let mut missing = MissingProtections::default();
        all.iter().for_each(|one| missing.add(*one));
        Facts { worker: facts.worker.map(|worker| Worker { missing, ..worker }), ..facts }
    }

    fn text(facts: &Facts) -> String {
        anstream::adapter::strip_str(&diagnosis(facts).to_text(100)).to_string()
    }

    #[test]
    fn a_machine_that_lacks_nothing() {
        let diagnosis = diagnosis(&facts());
        assert!(diagnosis.can_run && diagnosis.missing == 0);
        assert!(diagnosis.checks.iter().all(|check| check.state == State::Ok && check.remedies.is_empty()));
        insta::assert_snapshot!(text(&facts()));
    }

    #[test]
    fn a_container_that_refuses_everything() {
        let facts = Facts {
            user: 0,
            container: Some("Docker".into()),
            is_filtered: true,
            landlock: Err(NoLandlock::Refused),
            namespaces: Namespaces { most: Some(96365), ..Namespaces::default() },
            sdk: Sdk::NoVenv,
            ..facts()
        };
        insta::assert_snapshot!(text(&without(facts, &Protection::ALL)));
    }

    #[test]
    fn kernel_settings_are_named_with_the_command_that_changes_them() {
        let namespaces = Namespaces { are_for_all: Some(false), most: Some(0), are_restricted: Some(true) };
        let facts = Facts { namespaces, ..facts() };
        let facts = without(facts, &[Protection::Processes]);
        insta::assert_snapshot!(text(&facts));
        // Only one of them matters to root, and none if nothing is missing.
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
        assert!(old.found.is_some_and(|found| found.contains("version 3 (Linux 6.2)")));
    }

    #[test]
    fn without_a_worker_nothing_can_run_and_the_reason_is_given() {
        let problem = Problem {
            problem: "CPython 3.11 cannot be loaded: libpython3.11.so.1.0: cannot open shared object file".into(),
            hint: Some("install the shared library".into()),
        };
        let interpreter = Some(("/home/ci/bin/python3.11".into(), "permission denied".into()));
        let facts = Facts { worker: Err(problem), interpreter, sdk: Sdk::NotTried, ..facts() };
        let diagnosis = diagnosis(&facts);
        assert!(!diagnosis.can_run && diagnosis.missing == 0);
        assert!(
            diagnosis.checks.iter().all(|check| check.group != CheckGroup::Sandbox),
            "they cannot be checked without a worker"
        );
        let text = text(&facts);
        assert!(
            text.contains("which user 1000 cannot read (permission denied)")
                && text.ends_with("plugins cannot run here\n")
        );
    }

    #[test]
    fn only_an_environment_that_cannot_be_used_keeps_plugins_from_running_not_one_without_the_sdk() {
        let with = |sdk| diagnosis(&Facts { sdk, ..facts() });
        assert!(!with(Sdk::NoUse(Problem { problem: "`x` is none".into(), hint: None })).can_run);
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
    fn a_full_disk_is_a_warning_and_a_read_only_one_a_failure() {
        let with = |free_bytes| diagnosis(&Facts { free_bytes, ..facts() });
        assert!(with(Ok(1 << 20)).can_run);
        assert!(!with(Err("permission denied".into())).can_run);
    }
}
