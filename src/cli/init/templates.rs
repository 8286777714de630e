//! Makes the texts that `init` writes from the templates in `templates/`, whose placeholders are words between two `@`.
//! Every text is valid YAML or TOML for every path of a plugin, and every command in it is valid in this version.

use super::facts::{Ci, Facts, GITLAB_INCLUDED, GITLAB_ROOT, Requirements};
use crate::cli::file_settings;

/// A file to write.
#[derive(Debug)]
pub(super) struct Template {
    /// Its path in the repository.
    pub(super) path: String,
    pub(super) text: String,
    /// Whether `--force` may overwrite it.
    pub(super) is_ours: bool,
}

/// The files to write, in this order.
pub(super) fn files(facts: &Facts, ci: Ci) -> Vec<Template> {
    let ours = |path: &str, text: String| Template { path: path.to_owned(), text, is_ours: true };
    let beside = |name: &str| if facts.plugin == "." { name.to_owned() } else { format!("{}/{name}", facts.plugin) };
    let mut files = vec![
        ours(&beside(file_settings::NAME), include_str!("templates/hookstorm.toml").to_owned()),
        // git keeps no empty folder, and `replay` needs one.
        Template {
            path: format!("{}/README.md", facts.corpus),
            text: include_str!("templates/corpus.md").to_owned(),
            is_ours: false,
        },
    ];
    if matches!(ci, Ci::Github | Ci::Both) {
        let (check, nightly) = (include_str!("templates/github.yml"), include_str!("templates/github-nightly.yml"));
        files.push(ours(".github/workflows/hookstorm.yml", github(check, facts)));
        files.push(ours(".github/workflows/hookstorm-nightly.yml", github(nightly, facts)));
    }
    if matches!(ci, Ci::Gitlab | Ci::Both) {
        files.push(ours(GITLAB_INCLUDED, gitlab(facts)));
        if facts.gitlab_includes_us {
            let text = include_str!("templates/gitlab-ci.yml").to_owned();
            files.push(Template { path: GITLAB_ROOT.to_owned(), text, is_ours: false });
        }
    }
    files
}

fn github(template: &str, facts: &Facts) -> String {
    let mut step = String::new();
    let lines = requirements(facts.requirements);
    if !lines.is_empty() {
        step.push_str("\n      - name: Install what the plugin imports\n        env:\n          VENV: ${{ runner.temp }}/venv\n        run: |\n");
        for line in lines {
            step.push_str(&format!("          {line}\n"));
        }
        step.push_str("          echo \"VIRTUAL_ENV=$VENV\" >> \"$GITHUB_ENV\"\n");
    }
    let setup = put(include_str!("templates/github-setup.yml"), "@REQUIREMENTS@\n", &step);
    let text = put(template, "@SETUP@\n", &setup);
    let text = put(&text, "@VERSION@\n", include_str!("templates/github-version.yml"));
    filled(&text, facts)
}

fn gitlab(facts: &Facts) -> String {
    let mut step = String::new();
    let lines = requirements(facts.requirements);
    if !lines.is_empty() {
        step.push_str("    - export VENV=/tmp/hookstorm-venv\n    - |\n");
        for line in lines {
            step.push_str(&format!("      {line}\n"));
        }
        step.push_str("    - export VIRTUAL_ENV=\"$VENV\"\n");
    }
    filled(&put(include_str!("templates/gitlab.yml"), "@REQUIREMENTS@\n", &step), facts)
}

/// Replaces `mark` in `template` by `text`.
fn put(template: &str, mark: &str, text: &str) -> String {
    debug_assert!(template.contains(mark), "{mark}");
    template.replace(mark, text)
}

/// Replaces the placeholders of single words. This comes last, so that no part of a plugin's path is taken for one.
fn filled(template: &str, facts: &Facts) -> String {
    // Every JSON string is a YAML string.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let corpus = quoted(&facts.corpus);
    let text = template.replace("@RELEASE@", env!("CARGO_PKG_VERSION"));
    let mut parts = text.split('@');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    let mut rest: Vec<&str> = parts.collect();
    rest.reverse();
    // Names of actions contain `@` too, so only known placeholders are replaced.
    while let Some(part) = rest.pop() {
        let value = match part {
            "PLUGIN" => Some(quoted(&facts.plugin)),
            "CORPUS" => Some(corpus.clone()),
            "CORPUS_PATH" => Some(corpus.trim_matches('"').to_owned()),
            _ => None,
        };
        match value {
            Some(value) => {
                filled.push_str(&value);
                filled.push_str(rest.pop().unwrap_or_default());
            }
            None => {
                filled.push('@');
                filled.push_str(part);
            }
        }
    }
    filled
}

/// The shell lines that make a virtual environment for the plugin; none if it needs none.
fn requirements(known: Requirements) -> Vec<&'static str> {
    let mut lines = Vec::new();
    if known.text {
        lines.push("\"$VENV/bin/pip\" install --quiet --requirement \"$PLUGIN/requirements.txt\"");
    }
    if known.project {
        lines.push("\"$VENV/bin/pip\" install --quiet \"./$PLUGIN\"");
    }
    if known.pipfile {
        lines.push("\"$VENV/bin/pip\" install --quiet pipenv");
        lines.push(match known.lock {
            true => "(cd \"$PLUGIN\" && VIRTUAL_ENV=\"$VENV\" \"$VENV/bin/pipenv\" sync)",
            false => "(cd \"$PLUGIN\" && VIRTUAL_ENV=\"$VENV\" \"$VENV/bin/pipenv\" install --skip-lock)",
        });
    }
    if known.sdk {
        // Last and without dependencies: the SDK demands exact versions of its test tools, and one of them,
        // python-ldap, needs a compiler and headers. The parts that plugins use need these four packages.
        lines.push("\"$VENV/bin/pip\" install --quiet pyopenssl pyyaml requests semantic-version");
        lines.push("\"$VENV/bin/pip\" install --quiet --no-deps oneidentity-safeguard-sessions-plugin-sdk");
    }
    if !lines.is_empty() {
        lines.insert(0, "python3 -m venv \"$VENV\"");
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use clap::{CommandFactory, Parser as _};
    use saphyr_parser::{Event, Parser};

    use super::*;
    use crate::{
        cli::{arguments::Cli, file_settings::FileSettings},
        corpus::remote::CorpusLocation,
    };

    /// All files for a plugin in `folder` of a repository; the plugin has requirements of every kind.
    fn all(folder: &str) -> Vec<Template> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(".git")).unwrap();
        let plugin = root.path().join(folder);
        fs::create_dir_all(&plugin).unwrap();
        for name in ["MANIFEST", "requirements.txt", "pyproject.toml", "Pipfile", "Pipfile.lock"] {
            fs::write(plugin.join(name), "").unwrap();
        }
        fs::write(plugin.join("main.py"), "import safeguard.sessions\n").unwrap();
        files(&Facts::gather(&plugin, false).unwrap(), Ci::Both)
    }

    /// Every scalar of a YAML text.
    fn scalars(text: &str) -> Vec<String> {
        let events = Parser::new_from_str(text).map(|event| event.unwrap_or_else(|error| panic!("{error}\n{text}")).0);
        let scalar = |event| if let Event::Scalar(text, ..) = event { Some(text.into_owned()) } else { None };
        events.filter_map(scalar).collect()
    }

    /// The hookstorm commands in a shell script, as words.
    fn commands(script: &str) -> Vec<Vec<String>> {
        let lines = script
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("hookstorm ") && !line.starts_with("hookstorm hookstorm-worker"));
        let words = |line: &str| {
            let words = line.split_whitespace().take_while(|word| ![">", ">>", "||", "&&", "|"].contains(word));
            words.map(|word| word.trim_matches('"').replace("$FUZZ_TIME", "1h").replace('$', "")).collect()
        };
        lines.map(words).collect()
    }

    #[test]
    fn every_command_in_a_job_is_valid() {
        let is_known = |name: &str| Cli::command().get_subcommands().any(|command| command.get_name() == name);
        let mut seen = Vec::new();
        for template in all("plugin").iter().filter(|template| template.path.ends_with(".yml")) {
            for words in scalars(&template.text).iter().flat_map(|script| commands(script)) {
                if words[1] == "fuzz" && !is_known("fuzz") {
                    continue;
                }
                seen.push(words[1].clone());
                Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{}: {words:?}\n{error}", template.path));
            }
        }
        for command in ["check", "replay", "test", "report"] {
            assert_eq!(
                seen.iter().filter(|one| *one == command).count() % 2,
                0,
                "GitHub and GitLab run the same commands: {seen:?}"
            );
            assert!(seen.iter().any(|one| one == command), "{command}: {seen:?}");
        }
    }

    #[test]
    fn no_path_of_a_plugin_breaks_a_job_or_is_taken_for_a_placeholder() {
        for folder in ["plugin", "my plug'in", "a\"b: #c", "@CORPUS@", "p\\x"] {
            for template in all(folder).iter().filter(|template| template.path.ends_with(".yml")) {
                let scalars = scalars(&template.text);
                assert!(!template.text.contains("@RE") && !template.text.contains("@SETUP"), "{}", template.text);
                if template.path != GITLAB_ROOT {
                    assert!(scalars.contains(&folder.to_owned()), "{folder} in {}\n{}", template.path, template.text);
                }
                // A path reaches the shell only as a variable.
                assert!(!scalars.iter().any(|text| text.contains('\n') && text.contains(folder) && folder != "plugin"));
            }
        }
    }

    #[test]
    fn the_jobs_use_no_secret_and_only_jobs_that_run_no_plugin_may_write() {
        for template in all("plugin") {
            assert!(!template.text.contains("secrets."), "{}", template.path);
            if template.path.starts_with(".github") {
                let (read, write) = template.text.split_once("\n  publish:").unwrap_or((&template.text, ""));
                assert!(read.contains("permissions:\n  contents: read\n") && !read.contains(": write"), "{read}");
                assert!(!write.contains("hookstorm fuzz") && !write.contains("hookstorm test"), "{write}");
            }
        }
    }

    #[test]
    fn the_settings_file_shows_every_setting_and_all_examples_are_valid() {
        let toml = include_str!("templates/hookstorm.toml");
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            fs::write(folder.path().join(file_settings::NAME), text).unwrap();
            FileSettings::read(folder.path()).unwrap_or_else(|error| panic!("{}\n{text}", error.to_text()))
        };
        assert_eq!(read(toml).corpus, Some(CorpusLocation::Folder(folder.path().join("corpora"))));
        let on: Vec<&str> = toml
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
            .collect();
        let on = on.join("\n");
        assert!(read(&on).rules != Default::default(), "{on}");
        for key in file_settings::KEYS {
            let is_there = on.lines().any(|line| line.starts_with(&format!("{key} = ")) || line == format!("[{key}]"));
            assert!(is_there, "`{key}` is missing in\n{on}");
        }
    }

    #[test]
    fn a_plugin_that_imports_nothing_gets_no_virtual_environment() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("MANIFEST"), "").unwrap();
        let facts = Facts::gather(root.path(), false).unwrap();
        assert!(files(&facts, Ci::Both).iter().all(|file| !file.text.contains("VENV")));
        assert_eq!(facts.plugin, ".");
        assert!(Path::new(&files(&facts, Ci::None)[1].path).starts_with("corpora"));
    }
}
