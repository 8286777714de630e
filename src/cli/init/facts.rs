//! What a plugin's repository contains: its root, the CI systems that it uses, what the plugin imports. Reads a bounded
//! number of files and runs nothing.

use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;

use crate::{
    api::{FileAction, read_text},
    cli::{error::CliError, file_settings, file_settings::FileSettings},
    corpus::remote::CorpusLocation,
    package::PluginSources,
};

/// The pipeline of GitLab.
pub(super) const GITLAB_ROOT: &str = ".gitlab-ci.yml";

/// The file with our jobs, which [`GITLAB_ROOT`] includes.
pub(super) const GITLAB_INCLUDED: &str = ".gitlab/hookstorm.yml";

/// The CI systems for which `init` writes jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Ci {
    /// GitHub Actions
    Github,
    /// GitLab CI
    Gitlab,
    /// Both
    Both,
    /// Neither: only hookstorm.toml and the corpus
    None,
}

/// What is known of the repository.
#[derive(Debug)]
pub(super) struct Facts {
    /// The plugin's folder as the user typed it.
    pub(super) given: String,
    /// The repository's root, as a path from the current folder.
    root: PathBuf,
    /// The plugin's folder, relative to the root: `.`, `plugins/vault`.
    pub(super) plugin: String,
    /// The folder of the corpus, relative to the root.
    pub(super) corpus: String,
    /// The CI systems that it uses.
    pub(super) ci: Ci,
    /// Whether `.gitlab-ci.yml` includes our file, or will, because `init` writes it.
    pub(super) gitlab_includes_us: bool,
    /// What must be installed for the plugin.
    pub(super) requirements: Requirements,
}

/// The files and imports that say what must be installed before the plugin can be imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Requirements {
    /// A requirements.txt.
    pub(super) text: bool,
    /// A pyproject.toml.
    pub(super) project: bool,
    /// A Pipfile.
    pub(super) pipfile: bool,
    /// A Pipfile.lock.
    pub(super) lock: bool,
    /// A module imports the Plugin SDK.
    pub(super) sdk: bool,
}

impl Facts {
    /// Reads the repository of `plugin`. With `force` it ignores existing settings, because `init` overwrites them.
    pub(super) fn gather(plugin: &Path, force: bool) -> Result<Self, CliError> {
        let wrong = |problem: &str| {
            let hint = "name the plugin's folder, the one that contains MANIFEST";
            CliError::usage(format!("`{}`: {problem}", plugin.display()), hint)
        };
        if !plugin.is_dir() {
            return Err(wrong(if plugin.exists() { "not a folder" } else { "no such folder" }));
        }
        if !plugin.join("MANIFEST").is_file() {
            return Err(wrong("it contains no MANIFEST"));
        }
        let real = plugin.canonicalize().map_err(CliError::file(plugin, FileAction::Read))?;
        let root = real.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&real);
        let inside = real.strip_prefix(root).unwrap_or(Path::new(""));
        let Some(inside) = inside.to_str() else {
            return Err(wrong("its path is not UTF-8, so a job cannot name it"));
        };
        if inside.contains('$') {
            return Err(wrong("its path contains `$`, which a pipeline would expand as a variable"));
        }
        // Read before anything is written, so that a mistake in it is reported first.
        let settings = if force { FileSettings::default() } else { FileSettings::read(plugin)? };
        let has_settings = !force && plugin.join(file_settings::NAME).exists();
        let corpus = match settings.corpus {
            Some(CorpusLocation::Folder(path)) => {
                path.strip_prefix(plugin).map(|path| Path::new(inside).join(path)).ok()
            }
            // Jobs keep a folder, not a bucket.
            Some(CorpusLocation::Bucket(_)) => None,
            None if has_settings => Some(PathBuf::from("corpora")),
            None => Some(Path::new(inside).join("corpora")),
        };
        let gitlab = read_text(&root.join(GITLAB_ROOT), false).ok();
        Ok(Self {
            given: plugin.to_string_lossy().into_owned(),
            ci: ci(root),
            plugin: if inside.is_empty() { ".".to_owned() } else { inside.to_owned() },
            corpus: corpus.and_then(|path| normal(&path)).unwrap_or_else(|| "corpora".to_owned()),
            gitlab_includes_us: gitlab.is_none_or(|text| text.contains(GITLAB_INCLUDED)),
            requirements: Requirements {
                text: real.join("requirements.txt").is_file(),
                project: real.join("pyproject.toml").is_file(),
                pipfile: real.join("Pipfile").is_file(),
                lock: real.join("Pipfile.lock").is_file(),
                sdk: PluginSources::new(&real).imports_sdk(),
            },
            root: near(root, &real, plugin),
        })
    }

    /// The path of a file of the repository, from the current folder.
    pub(super) fn shown(&self, path: &str) -> PathBuf {
        let root = self.root.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
        root.join(path)
    }
}

/// The root as the user would type it: relative to the current folder if it lies in it, else its whole path.
fn near(root: &Path, real: &Path, plugin: &Path) -> PathBuf {
    if root == real {
        return plugin.to_owned();
    }
    match std::env::current_dir()
        .ok()
        .and_then(|here| Some(root.strip_prefix(here.canonicalize().ok()?).ok()?.to_owned()))
    {
        Some(inside) => inside,
        None => root.to_owned(),
    }
}

/// A relative path without `.` and `..`, with `/`; `None` if it leads out of the repository.
fn normal(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => _ = parts.pop()?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// The CI systems that are configured, else the one of the git remote.
fn ci(root: &Path) -> Ci {
    match (root.join(".github").is_dir(), root.join(GITLAB_ROOT).is_file()) {
        (true, true) => Ci::Both,
        (true, false) => Ci::Github,
        (false, true) => Ci::Gitlab,
        (false, false) => {
            let config = read_text(&root.join(".git/config"), false).unwrap_or_default();
            let is_url = |line: &&str| line.trim_start().starts_with("url") && line.contains("gitlab");
            if config.lines().any(|line| is_url(&line)) { Ci::Gitlab } else { Ci::Github }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn the_folder_of_git_is_the_root_and_paths_are_relative_to_it() {
        let folder = repository(&[
            (".git/config", "[remote \"origin\"]\n\turl = git@gitlab.example.com:a/b.git\n"),
            ("plugins/vault/MANIFEST", ""),
            ("plugins/vault/lib/plugin.py", "import json\nfrom safeguard.sessions.plugin import AAPlugin\n"),
            ("plugins/vault/Pipfile", ""),
        ]);
        let facts = Facts::gather(&folder.path().join("plugins/vault"), false).unwrap();
        assert_eq!((facts.plugin.as_str(), facts.corpus.as_str()), ("plugins/vault", "plugins/vault/corpora"));
        assert_eq!((facts.ci, facts.gitlab_includes_us), (Ci::Gitlab, true));
        assert_eq!(facts.requirements, Requirements { pipfile: true, sdk: true, ..Requirements::default() });
    }

    #[test]
    fn existing_settings_give_the_folder_of_the_corpus() {
        for (toml, corpus) in [
            ("corpus = 'tests/cases'\n", "plugin/tests/cases"),
            ("corpus = '../cases'\n", "cases"),
            ("runs = 5\n", "corpora"),
            ("corpus = '/srv/cases'\n", "corpora"),
        ] {
            let folder = repository(&[(".git/HEAD", ""), ("plugin/MANIFEST", ""), ("plugin/hookstorm.toml", toml)]);
            assert_eq!(Facts::gather(&folder.path().join("plugin"), false).unwrap().corpus, corpus, "{toml}");
        }
    }

    #[test]
    fn the_ci_system_that_is_configured_gets_the_jobs() {
        let manifest = ("MANIFEST", "");
        for (files, expected) in [
            (vec![manifest], Ci::Github),
            (vec![manifest, (".github/CODEOWNERS", "")], Ci::Github),
            (vec![manifest, (".gitlab-ci.yml", "")], Ci::Gitlab),
            (vec![manifest, (".gitlab-ci.yml", ""), (".github/CODEOWNERS", "")], Ci::Both),
        ] {
            assert_eq!(Facts::gather(repository(&files).path(), false).unwrap().ci, expected, "{files:?}");
        }
    }

    #[test]
    fn a_path_that_a_pipeline_would_expand_is_refused() {
        let folder = repository(&[(".git/HEAD", ""), ("${{ github.token }}/MANIFEST", ""), ("a$HOME/MANIFEST", "")]);
        for name in ["${{ github.token }}", "a$HOME"] {
            let error = Facts::gather(&folder.path().join(name), false).unwrap_err();
            assert!(error.to_string().contains("contains `$`"), "{error}");
        }
    }

    #[test]
    fn a_virtual_environment_is_not_part_of_the_plugin() {
        let sdk = "from safeguard.sessions.plugin import AAPlugin\n";
        let folder =
            repository(&[("MANIFEST", ""), ("venv/pyvenv.cfg", ""), ("venv/lib/a.py", sdk), (".tox/a.py", sdk)]);
        assert!(!Facts::gather(folder.path(), false).unwrap().requirements.sdk);
    }
}
