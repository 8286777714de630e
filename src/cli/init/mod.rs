//! `hookstorm init`: writes what a plugin's repository needs to be tested in every pull request and every night:
//! hookstorm.toml, a folder for cases, jobs for GitHub Actions or GitLab CI.
//!
//! Never writes over a file unless it is told to, and never touches a `.gitlab-ci.yml` that is there. Says what it wrote,
//! what it left, and what is to be done by hand. [`facts`] looks around, [`templates`] makes the texts.

mod facts;
mod templates;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use super::{
    arguments::{Ci, InitArguments},
    console::Console,
    error::{CliError, status},
};
use crate::report::{
    plain,
    style::{GOOD, LABEL, STRONG},
};
use facts::Facts;

/// Where the jobs of GitLab are included.
const GITLAB_ROOT: &str = ".gitlab-ci.yml";

/// A file to write, by its path in the repository.
#[derive(Debug)]
struct Template {
    path: String,
    text: String,
    /// Whether `--force` may write over it.
    is_ours: bool,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    New,
    Over,
    Left,
}

pub(super) fn run(arguments: &InitArguments, console: Console) -> Result<u8, CliError> {
    let facts = Facts::gather(&arguments.plugin, arguments.force)?;
    let ci = arguments.ci.unwrap_or(facts.ci);
    let mut told = String::new();
    for template in templates::files(&facts, ci) {
        let path = facts.shown(&template.path);
        let shown = plain::harmless(&path.to_string_lossy()).into_owned();
        told.push_str(&match write(&path, &template, arguments.force)? {
            Written::New => format!("{GOOD}wrote{GOOD:#}  {shown}\n"),
            Written::Over => format!("{GOOD}wrote{GOOD:#}  {shown}, over what was there\n"),
            Written::Left if template.is_ours => {
                format!("{LABEL}left{LABEL:#}   {shown}: it is there already; `--force` writes over it\n")
            }
            Written::Left => format!("{LABEL}left{LABEL:#}   {shown}: it is there already\n"),
        });
    }
    told.push_str(&format!("\n{STRONG}next:{STRONG:#}\n"));
    for (index, step) in steps(&facts, ci).iter().enumerate() {
        told.push_str(&format!("  {}. {step}\n", index + 1));
    }
    console.out(&told)?;
    Ok(status::NOTHING)
}

/// What is to be done by hand.
fn steps(facts: &Facts, ci: Ci) -> Vec<String> {
    let plugin = plain::shell_word(&facts.given);
    let mut steps = vec![
        format!("run `hookstorm test {plugin}`; where every session fails, name a configuration in hookstorm.toml"),
        "commit all of it, and the cases: what is open already goes into a `baseline`, or is mended".to_owned(),
    ];
    if matches!(ci, Ci::Github | Ci::Gitlab | Ci::Both) {
        steps
            .push("name in HOOKSTORM_GIT where the jobs get hookstorm: no registry has a release of it yet".to_owned());
    }
    if matches!(ci, Ci::Gitlab | Ci::Both) {
        if !facts.gitlab_includes_us {
            steps.push(format!(
                "see that `{GITLAB_ROOT}` includes the jobs:\n       include:\n         - local: {}",
                templates::GITLAB
            ));
        }
        steps.push("make a pipeline schedule in GitLab for the nightly job".to_owned());
    }
    steps
}

/// Writes a file, whole; leaves one that is there unless `force` may write over it.
fn write(path: &Path, template: &Template, force: bool) -> Result<Written, CliError> {
    let failed = |source| CliError::File { path: path.to_owned(), doing: "written", source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    match File::create_new(path) {
        Ok(mut file) => {
            file.write_all(template.text.as_bytes()).map_err(failed)?;
            Ok(Written::New)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !(force && template.is_ours) {
                return Ok(Written::Left);
            }
            fs::write(path, &template.text).map_err(failed)?;
            Ok(Written::Over)
        }
        Err(error) => Err(failed(error)),
    }
}
