//! The command: its options, what it writes, and what it says of each file.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};

use super::{
    facts::{Ci, Facts, GITLAB_INCLUDED, GITLAB_ROOT},
    templates::{self, Template},
};
use crate::{
    api::FileAction,
    cli::{
        console::Console,
        error::{CliError, status},
    },
    report::{
        plain,
        style::{GOOD, LABEL, STRONG},
    },
};

#[derive(Debug, Args)]
pub(in crate::cli) struct InitArguments {
    /// Folder that contains MANIFEST [default: .]
    #[arg(value_name = "PLUGIN", value_hint = ValueHint::DirPath, default_value = ".", hide_default_value = true)]
    plugin: PathBuf,

    /// CI system to generate jobs for [default: the one configured here, else the git remote's host, else github]
    #[arg(long, value_enum, value_name = "github|gitlab|both|none", hide_possible_values = true)]
    ci: Option<Ci>,

    /// Overwrite existing files; an existing `.gitlab-ci.yml` is never changed
    #[arg(long)]
    force: bool,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    New,
    Overwritten,
    Kept,
}

pub(in crate::cli) fn run(arguments: &InitArguments, console: Console) -> Result<u8, CliError> {
    let facts = Facts::gather(&arguments.plugin, arguments.force)?;
    let ci = arguments.ci.unwrap_or(facts.ci);
    let mut text = String::new();
    for template in templates::files(&facts, ci) {
        let path = facts.shown(&template.path);
        let shown = plain::harmless(&path.to_string_lossy()).into_owned();
        text.push_str(&match write(&path, &template, arguments.force)? {
            Written::New => format!("{GOOD}wrote{GOOD:#}  {shown}\n"),
            Written::Overwritten => format!("{GOOD}wrote{GOOD:#}  {shown}, which replaces the existing file\n"),
            Written::Kept if template.is_ours => {
                format!("{LABEL}kept{LABEL:#}   {shown}, which exists; `--force` overwrites it\n")
            }
            Written::Kept => format!("{LABEL}kept{LABEL:#}   {shown}, which exists\n"),
        });
    }
    text.push_str(&format!("\n{STRONG}next:{STRONG:#}\n"));
    for (index, step) in steps(&facts, ci).iter().enumerate() {
        text.push_str(&format!("  {}. {step}\n", index + 1));
    }
    console.out(&text)?;
    Ok(status::NOTHING)
}

/// What the user must do.
fn steps(facts: &Facts, ci: Ci) -> Vec<String> {
    let plugin = plain::shell_word(&facts.given);
    let mut steps = vec![
        format!("run `hookstorm test {plugin}`; if every session fails, set `config` in hookstorm.toml"),
        "commit these files and the cases; repair what was found, or list it in a `baseline`".to_owned(),
    ];
    if matches!(ci, Ci::Github | Ci::Gitlab | Ci::Both) {
        steps.push("set HOOKSTORM_GIT to a git repository of hookstorm: no registry has a release yet".to_owned());
    }
    if matches!(ci, Ci::Gitlab | Ci::Both) {
        if !facts.gitlab_includes_us {
            steps.push(format!(
                "include the jobs in `{GITLAB_ROOT}`:\n       include:\n         - local: {}",
                GITLAB_INCLUDED
            ));
        }
        steps.push("create a pipeline schedule in GitLab for the nightly job".to_owned());
    }
    steps
}

/// Writes a file; keeps an existing one unless `force` may overwrite it.
fn write(path: &Path, template: &Template, force: bool) -> Result<Written, CliError> {
    let failed = CliError::file(path, FileAction::Write);
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
                return Ok(Written::Kept);
            }
            fs::write(path, &template.text).map_err(failed)?;
            Ok(Written::Overwritten)
        }
        Err(error) => Err(failed(error)),
    }
}
