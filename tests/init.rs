//! `hookstorm init` in repositories of several kinds: what it writes, what it leaves, and that what it wrote works: the
//! shell steps of the pull-request jobs are run here as a pipeline would run them.

mod program;

use std::{fs, path::Path, process::Command};

use program::{Desk, Ran, folder};
use saphyr_parser::{Event, Parser};

/// A repository with a plugin in `plugin/`.
fn repository(desk: &Desk) {
    fs::create_dir_all(desk.path("repo/.git")).unwrap();
    for name in ["MANIFEST", "main.py", "default.cfg", "lib/__init__.py", "lib/naming.py", "lib/vault.py"] {
        let text = fs::read(folder("examples/faulty-store").join(name)).unwrap();
        desk.write(&format!("repo/plugin/{name}"), text);
    }
}

/// Runs hookstorm in the repository.
fn run(desk: &Desk, arguments: &[&str]) -> Ran {
    let output = desk.command().current_dir(desk.path("repo")).args(arguments).output().unwrap();
    Ran::new(output)
}

#[test]
fn a_repository_gets_settings_a_corpus_and_both_jobs() {
    let desk = Desk::new();
    repository(&desk);
    let ran = run(&desk, &["init", "plugin"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ran.stdout, @r"
    wrote  plugin/hookstorm.toml
    wrote  plugin/corpora/README.md
    wrote  .github/workflows/hookstorm.yml
    wrote  .github/workflows/hookstorm-nightly.yml

    next:
      1. run `hookstorm test plugin`; if every session fails, set `config` in hookstorm.toml
      2. commit these files and the cases; repair what was found, or list it in a `baseline`
      3. set HOOKSTORM_GIT to a git repository of hookstorm: no registry has a release yet
    ");
    // What was written is understood: the corpus lies beside MANIFEST, wherever hookstorm is started.
    let ran = run(&desk, &["test", "plugin", "--seed", "1", "--runs", "200", "-q"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(desk.path("repo/plugin/corpora/FaultyStore").is_dir());
}

#[test]
fn existing_files_are_kept_without_force() {
    let desk = Desk::new();
    repository(&desk);
    desk.write("repo/plugin/hookstorm.toml", "runs = 7\n");
    desk.write("repo/.gitlab-ci.yml", "build:\n  script: make\n");
    let ran = run(&desk, &["init", "plugin"]);
    insta::assert_snapshot!(ran.stdout, @r"
    kept   plugin/hookstorm.toml, which exists; `--force` overwrites it
    wrote  corpora/README.md
    wrote  .gitlab/hookstorm.yml

    next:
      1. run `hookstorm test plugin`; if every session fails, set `config` in hookstorm.toml
      2. commit these files and the cases; repair what was found, or list it in a `baseline`
      3. set HOOKSTORM_GIT to a git repository of hookstorm: no registry has a release yet
      4. include the jobs in `.gitlab-ci.yml`:
           include:
             - local: .gitlab/hookstorm.yml
      5. create a pipeline schedule in GitLab for the nightly job
    ");
    assert_eq!(fs::read_to_string(desk.path("repo/plugin/hookstorm.toml")).unwrap(), "runs = 7\n");
    assert!(!desk.path("repo/.github").exists());

    let ran = run(&desk, &["init", "plugin", "--force", "--ci", "both"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(fs::read_to_string(desk.path("repo/plugin/hookstorm.toml")).unwrap().contains("corpus = \"corpora\""));
    let jobs = fs::read_to_string(desk.path("repo/.github/workflows/hookstorm-nightly.yml")).unwrap();
    assert!(jobs.contains("CORPUS: \"plugin/corpora\"\n"), "as the new settings say: {jobs}");
    // The pipeline of the repository is never ours.
    assert_eq!(fs::read_to_string(desk.path("repo/.gitlab-ci.yml")).unwrap(), "build:\n  script: make\n");
    desk.write("repo/.gitlab-ci.yml", "include:\n  - local: .gitlab/hookstorm.yml\n");
    let ran = run(&desk, &["init", "plugin", "--ci", "gitlab"]);
    assert!(!ran.stdout.contains("include the jobs"), "{}", ran.stdout);
}

#[test]
fn what_is_no_plugin_gets_nothing() {
    let desk = Desk::new();
    repository(&desk);
    desk.write("repo/plugin.zip", "");
    let mut messages = String::new();
    for arguments in
        [&["init"][..], &["init", "nowhere"], &["init", "plugin.zip"], &["init", "plugin", "--ci", "jenkins"]]
    {
        let ran = run(&desk, arguments);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        messages.push_str(ran.stderr.lines().next().unwrap_or_default());
        messages.push('\n');
    }
    insta::assert_snapshot!(messages, @r"
    error: `.`: it contains no MANIFEST
    error: `nowhere`: no such folder
    error: `plugin.zip`: not a folder
    error: invalid value 'jenkins' for '--ci <github|gitlab|both|none>'
    ");
    desk.write("repo/plugin/hookstorm.toml", "colour = 1\n");
    let ran = run(&desk, &["init", "plugin"]);
    assert!(ran.status == Some(2) && ran.stderr.contains("line 1: `colour` is not a setting"), "{ran:?}");
    assert!(!desk.path("repo/.github").exists(), "a mistake is reported before anything is written");
}

#[test]
fn the_jobs_install_the_program_and_its_worker() {
    let desk = Desk::new();
    repository(&desk);
    run(&desk, &["init", "plugin", "--ci", "both"]);
    for file in [".github/workflows/hookstorm.yml", ".github/workflows/hookstorm-nightly.yml", ".gitlab/hookstorm.yml"]
    {
        let text = fs::read_to_string(desk.path("repo").join(file)).unwrap().replace("\\\n", "");
        let installs: Vec<&str> = text.lines().filter(|line| line.contains("cargo install")).collect();
        assert_eq!(installs.len(), 2, "{file}: from a git repository or from a registry");
        for line in installs {
            assert!(line.split_whitespace().rev().take(2).eq(["hookstorm-worker", "hookstorm"]), "{file}: {line}");
        }
    }
}

/// The texts of shell in a file of jobs.
fn scripts(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let events = Parser::new_from_str(&text).map(|event| event.unwrap().0);
    let scalars =
        events.filter_map(|event| if let Event::Scalar(text, ..) = event { Some(text.into_owned()) } else { None });
    scalars.filter(|text| text.contains("hookstorm check ") || text.contains("hookstorm replay ")).collect()
}

#[test]
fn the_jobs_of_a_pull_request_pass_on_a_clean_plugin_and_fail_on_a_faulty_one() {
    let desk = Desk::new();
    repository(&desk);
    run(&desk, &["init", "plugin", "--ci", "both"]);
    let jobs = [".github/workflows/hookstorm.yml", ".gitlab/hookstorm.yml"];
    let run_all = || -> Vec<bool> {
        let scripts: Vec<_> = jobs.iter().flat_map(|job| scripts(&desk.path("repo").join(job))).collect();
        let run = |script: &String| {
            let hookstorm = assert_cmd::cargo::cargo_bin!("hookstorm");
            let path = format!("{}:/usr/bin:/bin", hookstorm.parent().unwrap().display());
            let mut command = Command::new("bash");
            command.args(["-e", "-c", script]).current_dir(desk.path("repo")).env_clear().env("PATH", path);
            let output = command.env("PLUGIN", "plugin").env("TMPDIR", desk.path("tmp")).output().unwrap();
            let ran = Ran::new(output);
            assert!(matches!(ran.status, Some(0 | 1)), "{script}\n{ran:?}");
            ran.status == Some(0)
        };
        scripts.iter().map(run).collect()
    };
    // check and replay of GitHub, where nothing was kept yet; then the three of GitLab in one.
    assert_eq!(run_all(), [true, true, false]);
    // Now there are cases.
    assert_eq!(run_all(), [true, false, false]);
    let clean =
        "class Plugin:\n    def __init__(self, configuration): pass\n    def get_password_list(self): return None
    def get_private_key_list(self): return None\n    def authentication_completed(self): return None
    def session_ended(self): return None\n";
    desk.write("repo/plugin/main.py", clean);
    assert_eq!(run_all(), [true, true, true]);
    desk.assert_nothing_is_left();
}
