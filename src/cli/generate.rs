//! `hookstorm generate`: manifests, packages or sessions with what is expected of each, to test another runtime or
//! another MANIFEST reader with.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum, ValueHint};

use super::{
    arguments::{AMOUNT, CASES, OUTPUT, PLUGIN},
    console::Console,
    error::{CliError, status},
    values,
};
use crate::{
    api::{FileAction, random_seed},
    contract::{Platform, PluginType},
    generate::{Artefact, ArtefactKind, ArtefactSettings, artefact},
    report::plain,
};

/// The file with what is expected of each artefact. It is complete: it gets this name after everything else is written.
const EXPECTED: &str = "expected.jsonl";
/// Its name until then.
const PARTIAL: &str = ".expected.jsonl.partial";

#[derive(Debug, Args)]
pub(super) struct GenerateArguments {
    /// What to generate
    #[arg(value_name = "manifest|package|session", value_enum, hide_possible_values = true)]
    kind: KindArgument,

    /// Number of artefacts
    #[arg(
        short = 'n', long, value_name = "N", value_parser = values::count, allow_negative_numbers = true,
        help_heading = AMOUNT
    )]
    number: u64,

    /// Seed: the same seed gives the same bytes, and a larger N begins with the same files [default: random, printed]
    #[arg(long, value_name = "S", value_parser = values::seed, allow_negative_numbers = true, help_heading = AMOUNT)]
    seed: Option<u64>,

    /// Share of invalid artefacts, from 0 to 1: exactly N × RATIO, rounded, evenly spread
    /// [default: 0.5 for manifests and packages, 0 for sessions]
    #[arg(
        long, value_name = "RATIO", value_parser = values::ratio, allow_negative_numbers = true,
        help_heading = CASES
    )]
    invalid: Option<f64>,

    /// Platform that the artefacts are for [default: 9.0, the newest]
    #[arg(long, value_name = "VERSION", value_parser = values::platform, help_heading = PLUGIN)]
    platform: Option<&'static Platform>,

    /// Type of plugin that the artefacts are for [default: both; manifests are also for the other types]
    #[arg(
        long = "type", value_name = "credentialstore|aa", value_enum, hide_possible_values = true,
        help_heading = PLUGIN
    )]
    plugin_type: Option<TypeArgument>,

    /// Folder to write to: it must be empty or not exist
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = OUTPUT)]
    out: PathBuf,
}

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArgument {
    /// MANIFEST files, with the values and findings that a reader must give
    Manifest,
    /// Packages, with the behaviour of each hook
    Package,
    /// Cases for `hookstorm run --case`
    Session,
}

/// A type of plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TypeArgument {
    /// A credential store
    #[value(name = "credentialstore")]
    CredentialStore,
    /// An AA plugin
    Aa,
}

pub(super) fn run(arguments: &GenerateArguments, console: Console) -> Result<u8, CliError> {
    let kind = match arguments.kind {
        KindArgument::Manifest => ArtefactKind::Manifest,
        KindArgument::Package => ArtefactKind::Package,
        KindArgument::Session => ArtefactKind::Session,
    };
    let settings = ArtefactSettings {
        kind,
        seed: arguments.seed.unwrap_or_else(random_seed),
        invalid_ratio: arguments.invalid.unwrap_or(kind.default_invalid_ratio()),
        platform: arguments.platform.unwrap_or(Platform::newest()),
        plugin_type: arguments.plugin_type.map(|plugin_type| match plugin_type {
            TypeArgument::CredentialStore => PluginType::CredentialStore,
            TypeArgument::Aa => PluginType::Aa,
        }),
    };
    let folder = OutFolder::create(&arguments.out)?;
    let invalid = match write_all(&settings, arguments.number, &folder.path) {
        Ok(invalid) => invalid,
        Err(error) => {
            folder.clear();
            return Err(error);
        }
    };
    console.out(&format!(
        "{} {}s in `{}`, {invalid} of them invalid, seed {}; `{EXPECTED}` says what is expected of each\n",
        arguments.number,
        kind.name(),
        plain::harmless(&folder.path.display().to_string()),
        settings.seed,
    ))?;
    Ok(status::NOTHING)
}

/// Writes `number` artefacts and the file of expectations, and returns how many are invalid.
fn write_all(settings: &ArtefactSettings, number: u64, folder: &Path) -> Result<u64, CliError> {
    let partial = folder.join(PARTIAL);
    let file = File::create_new(&partial).map_err(CliError::file(&partial, FileAction::Write))?;
    let mut expected = BufWriter::new(file);
    let mut invalid = 0;
    for number in 1..=number {
        let Artefact { files, expected: line, valid } = artefact(settings, number)
            .ok_or_else(|| CliError::Internal(format!("{} {number} cannot be generated", settings.kind.name())))?;
        for (name, content) in &files {
            let path = folder.join(name);
            write(&path, content).map_err(CliError::file(&path, FileAction::Write))?;
        }
        writeln!(expected, "{line}").map_err(CliError::file(&partial, FileAction::Write))?;
        invalid += u64::from(!valid);
    }
    let file =
        expected.into_inner().map_err(|error| CliError::file(&partial, FileAction::Write)(error.into_error()))?;
    file.sync_all().map_err(CliError::file(&partial, FileAction::Write))?;
    let complete = folder.join(EXPECTED);
    fs::rename(&partial, &complete).map_err(CliError::file(&complete, FileAction::Write))?;
    Ok(invalid)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}

/// The folder that is written to.
struct OutFolder {
    path: PathBuf,
    /// Whether it did not exist before.
    is_new: bool,
}

impl OutFolder {
    /// Makes the folder, or takes one that is empty.
    fn create(path: &Path) -> Result<Self, CliError> {
        let path = path.to_owned();
        let shown = path.display();
        match fs::read_dir(&path) {
            Ok(mut entries) => match entries.next() {
                None => Ok(Self { path, is_new: false }),
                Some(_) => Err(CliError::usage(
                    format!("the folder `{shown}` is not empty"),
                    "name another folder with `--out`, or remove what is in this one",
                )),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::create_dir_all(&path) {
                Ok(()) => Ok(Self { path, is_new: true }),
                Err(source) => Err(CliError::file(&path, FileAction::Write)(source)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(CliError::usage(
                format!("`{shown}` is a file, and `--out` names a folder"),
                "name another folder with `--out`",
            )),
            Err(source) => Err(CliError::file(&path, FileAction::Read)(source)),
        }
    }

    /// Removes what was written, after an error. The folder was empty, so everything in it is ours.
    fn clear(&self) {
        // The user gets the first error; a second one would only hide it.
        if self.is_new {
            let _ = fs::remove_dir_all(&self.path);
            return;
        }
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
    }
}
