//! [`Plugin`]: a plugin that was opened and, if possible, loaded.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    Error, PluginOptions,
    hint::without_followed,
    loaded_plugin::{Confinement, LoadedPlugin},
    network::network,
    probe,
    source_cache::SourceCache,
};
use crate::{
    contract::{HookSpec, PluginType},
    engine::Setup,
    finding::{Finding, Rule, Severity},
    generate::{self, OptionChoice},
    oracle,
    package::{NeedsPython, Package, configuration, interpolation_findings},
    report::{Mask, SandboxMode, SandboxStatus},
    runtime::{Sandbox, sandbox::MissingProtections},
    trace::{LoadEnding, Loading},
};

/// A plugin that was opened: unpacked if it is an archive, checked, and loaded once. All functions of the library run
/// on it. Its scratch folder is removed when it is dropped.
///
/// ```no_run
/// use hookstorm::{Plugin, PluginOptions};
///
/// let plugin = Plugin::open("examples/faulty-store", PluginOptions::new())?;
/// println!("{}: {:?}", plugin.name(), plugin.plugin_type());
/// # Ok::<(), hookstorm::Error>(())
/// ```
pub struct Plugin {
    pub(super) path: PathBuf,
    pub(super) options: PluginOptions,
    pub(super) package: Option<Package>,
    pub(super) loaded: Option<LoadedPlugin>,
    /// How the plugin was sandboxed; `None` if it was not loaded.
    pub(super) sandbox: Option<SandboxStatus>,
    /// What the rules of package and loading found, at the user's levels, errors first.
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<String>,
    /// Hides the secrets of the configuration.
    pub(super) mask: Mask,
    /// The folder of this plugin's cases.
    pub(super) cases: PathBuf,
    /// How long opening took.
    pub(super) opening: Duration,
    pub(super) source: SourceCache,
    is_callable: bool,
    /// The extension module because of which the plugin cannot be imported here, although the platform can.
    pub(super) needs_python: Option<NeedsPython>,
}

impl Plugin {
    /// Opens the plugin at `path`, a `.zip` or a folder that contains MANIFEST, and loads it in a worker. This runs the
    /// plugin's module and constructor, in the sandbox, but no hook.
    ///
    /// # Errors
    /// [`Error`] if the path is not a plugin at all, or if no worker can run here. A plugin that is broken or cannot be
    /// loaded is not an error: the report of [`check`](super::check) says why.
    pub fn open(path: impl AsRef<Path>, options: PluginOptions) -> Result<Self, Error> {
        let (path, began) = (path.as_ref().to_owned(), Instant::now());
        let confinement = confinement(&options)?;
        let opened = Package::open(&path, options.platform, &Default::default())?;
        let (package, mut findings) = (opened.package, opened.findings);
        if options.sandbox == SandboxMode::Require && package.as_ref().is_some_and(Package::is_runnable) {
            // Before the plugin is loaded, since its code would run without the missing protections.
            let missing = probe::probe(None, confinement.network.clone(), false)?.missing;
            must_be_complete(&SandboxStatus::new(options.sandbox, missing))?;
        }
        let loaded = match &package {
            Some(package) => LoadedPlugin::load(package, &options, &confinement)?,
            None => None,
        };
        let sandbox = loaded.as_ref().map(|loaded| {
            let is_off = options.sandbox == SandboxMode::Off;
            SandboxStatus::new(options.sandbox, if is_off { MissingProtections::default() } else { loaded.missing })
        });
        if let Some(sandbox) = sandbox.as_ref().filter(|_| options.sandbox == SandboxMode::Require) {
            must_be_complete(sandbox)?;
        }
        let mut notes = Vec::from_iter(options.sandbox_off_note());
        let (mut is_callable, mut needs_python) = (false, None);
        if let Some(loaded) = &loaded {
            let subject = loaded.subject(&options.levels, &Setup::default());
            let shown = oracle::judge_loading(&subject, &loaded.loading).into_iter();
            let mut of_loading: Vec<_> = shown.map(|finding| without_followed(finding, &options)).collect();
            if let Some(needs) = missing_module(&loaded.loading)
                .and_then(|name| package.as_ref()?.binary_modules.needed(name, &loaded.loading.python))
            {
                // The import failed because of that file. If it does not fit the platform, a finding says so already.
                of_loading.retain(|finding| finding.rule != Rule::ImportFailed);
                if needs.python == options.platform.python {
                    notes.push(format!(
                        "`{}` is built for Python {}, as platform {} has it, and hookstorm runs Python {}: the module \
                         could not be imported, so class, constructor and hooks were not checked",
                        needs.file, needs.python, options.platform, loaded.loading.python
                    ));
                    needs_python = Some(needs);
                }
            }
            findings.extend(of_loading);
            notes.extend(oracle::sdk_mismatch(&subject, &loaded.loading));
            if loaded.loading.sdk_version.is_some() && loaded.loading.takes_configuration {
                let own = options.configuration.is_none();
                findings.extend(interpolation_findings(&loaded.target.configuration, own));
            }
            let plugin_type = loaded.target.plugin_type;
            let has_hooks = !HookSpec::all(plugin_type).is_empty();
            if !has_hooks {
                notes.push(format!(
                    "hookstorm calls no hooks of a plugin of type `{plugin_type}`, because they are not documented"
                ));
            }
            is_callable = has_hooks && loaded.is_constructed();
        }
        notes.extend(options.notes.iter().cloned());
        let mut findings: Vec<_> = findings.into_iter().filter_map(|finding| options.levels.apply(finding)).collect();
        findings.sort_by_key(|finding| finding.severity != Severity::Error);
        let name = package.as_ref().map_or_else(|| "plugin".to_owned(), Package::name);
        let secrets =
            loaded.as_ref().map(|loaded| configuration::secrets(&loaded.target.configuration)).unwrap_or_default();
        let own_words = loaded.as_ref().map(|loaded| loaded.loading.tokens.strings.clone()).unwrap_or_default();
        Ok(Self {
            cases: options.corpus_folder().join(name),
            mask: Mask::new(secrets).knowing(own_words),
            path,
            options,
            package,
            loaded,
            sandbox,
            findings,
            notes,
            opening: began.elapsed(),
            source: SourceCache::default(),
            is_callable,
            needs_python,
        })
    }

    /// The name in MANIFEST, made safe for a folder, or the name of the file if MANIFEST has none.
    pub fn name(&self) -> String {
        self.package.as_ref().map_or_else(|| file_name(&self.path), Package::name)
    }

    /// The type in MANIFEST; `None` if it is missing or unknown.
    pub fn plugin_type(&self) -> Option<PluginType> {
        self.package.as_ref().and_then(Package::plugin_type)
    }

    /// Whether the plugin was loaded, so that hooks can be called. If not, the other functions return the report of
    /// [`check`](super::check).
    pub fn can_run(&self) -> bool {
        self.is_callable
    }

    /// The loaded plugin, if hooks can be called.
    pub(super) fn runnable(&self) -> Option<&LoadedPlugin> {
        self.loaded.as_ref().filter(|_| self.is_callable)
    }

    /// What the rules of package and loading found.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Hides the secrets of the configuration.
    pub(crate) fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Refuses a second plugin, for functions that run one.
    pub(super) fn must_be_alone(&self, function: &'static str) -> Result<(), Error> {
        match &self.options.other {
            Some(_) => Err(Error::OnePluginOnly { function }),
            None => Ok(()),
        }
    }

    /// The options that the package documents, except those that the configuration sets.
    pub(super) fn option_choices(&self) -> Vec<OptionChoice> {
        let documented = self.package.as_ref().map(Package::documented_configuration).unwrap_or_default();
        let own = self.package.as_ref().and_then(|package| package.configuration.as_deref()).unwrap_or_default();
        let given = self.options.configuration.as_deref().unwrap_or(own);
        generate::option_choices(&configuration::options(&documented), &configuration::options(given))
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("path", &self.path).field("can_run", &self.is_callable).finish_non_exhaustive()
    }
}

/// Looks names up and resolves paths.
fn confinement(options: &PluginOptions) -> Result<Confinement, Error> {
    let readable = options.readable.iter().map(|path| path.canonicalize().map_err(Error::reading(path)));
    let readable = readable.collect::<Result<_, _>>()?;
    let is_off = options.sandbox == SandboxMode::Off;
    Ok(Confinement { network: network(&options.allowed_network)?, sandbox: Sandbox { is_off, readable } })
}

/// The module whose absence made the import fail: the first quoted name of Python's message.
fn missing_module(loading: &Loading) -> Option<&str> {
    let LoadEnding::Raised(exception) = &loading.import else { return None };
    let is_import = matches!(exception.type_name.as_str(), "ModuleNotFoundError" | "ImportError");
    exception.message.split('\'').nth(1).filter(|_| is_import)
}

fn must_be_complete(sandbox: &SandboxStatus) -> Result<(), Error> {
    match sandbox.warning() {
        None => Ok(()),
        Some(missing) => Err(Error::IncompleteSandbox { missing }),
    }
}

fn file_name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.file_stem().map_or_else(|| "plugin".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_be_read_must_exist() {
        let error = Plugin::open("x", PluginOptions::new().allow_read("/nowhere/ca.pem")).expect_err("not there");
        assert!(error.to_string().starts_with("`/nowhere/ca.pem` cannot be read: "), "{error}");
    }
}
