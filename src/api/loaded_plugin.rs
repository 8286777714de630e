//! [`LoadedPlugin`]: a plugin after import and construction, and the plan of a run on it.

use std::sync::Arc;

use super::{Error, PluginOptions};
use crate::{
    case::Case,
    contract::Platform,
    engine::{self, Generator, Oracles, Plan, Setup},
    finding::{Rule, RuleLevels},
    generate::{OptionChoice, configured_services},
    oracle::PluginUnderTest,
    package::{Package, configuration},
    runtime::{Network, Sandbox, Target, Worker, sandbox::MissingProtections},
    trace::{LoadEnding, Loading, OptionToken},
};

/// A plugin that a worker loaded once. Each run starts workers of its own.
#[derive(Debug)]
pub(super) struct LoadedPlugin {
    pub(super) target: Arc<Target>,
    pub(super) loading: Loading,
    /// The second plugin of every session.
    pub(super) other: Option<(Arc<Target>, Loading)>,
    /// The protections that the worker lacked.
    pub(super) missing: MissingProtections,
}

/// What sessions may have beside what every run has.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionExtras {
    /// Options that mutation may set on top of the configuration.
    pub(super) options: Vec<OptionChoice>,
    /// Whether the plugin's first cookie may be one that it never returned.
    pub(super) foreign_cookies: bool,
}

/// How the sandbox confines a plugin.
#[derive(Clone, Debug)]
pub(super) struct Confinement {
    pub(super) network: Network,
    pub(super) sandbox: Sandbox,
}

impl LoadedPlugin {
    /// Loads the plugin and the second one. `None` if the package has nothing to load.
    pub(super) fn load(
        package: &Package,
        options: &PluginOptions,
        confinement: &Confinement,
    ) -> Result<Option<Self>, Error> {
        let configuration = options.configuration.clone();
        let Some((target, loading, missing)) = load(package, configuration, options, confinement)? else {
            return Ok(None);
        };
        Ok(Some(Self { target, loading, other: second_plugin(options, confinement)?, missing }))
    }

    /// Whether its hooks can be called.
    pub(super) fn is_constructed(&self) -> bool {
        is_constructed(&self.loading)
    }

    /// What the oracles must know about the plugin with this setup.
    pub(super) fn subject(&self, levels: &RuleLevels, setup: &Setup) -> PluginUnderTest {
        let text = setup.configuration.as_deref().unwrap_or(&self.target.configuration);
        let mut subject = PluginUnderTest::new(
            self.target.plugin_type,
            setup.platform.unwrap_or(self.target.platform),
            text,
            configuration::secrets(text),
            configuration::logs_debug(text),
            Some(&self.loading),
        );
        // A user who sets the level of this rule wants its findings.
        subject.reports_unknown_keys |= levels.is_set(Rule::ReturnKeyUnknown);
        subject
    }

    /// The source of sessions on `platform`.
    fn generator(&self, platform: &'static Platform) -> Generator {
        let generator = Generator::new(self.target.plugin_type, platform, &self.loading);
        match &self.other {
            Some((other, loading)) => generator.with_other(other.plugin_type, platform, loading),
            None => generator,
        }
    }

    /// Why the platform would never run the case as it stands; `None` if it could.
    pub(super) fn outside_contract(&self, case: &Case) -> Option<String> {
        let generator = self.generator(case.platform);
        case.earlier.iter().chain([&case.session]).find_map(|session| generator.outside_contract(session))
    }

    /// Calls `work` with the plan of a run.
    pub(super) fn with_plan<T>(
        &self,
        levels: &RuleLevels,
        extras: SessionExtras,
        work: impl FnOnce(&Plan<'_>) -> T,
    ) -> T {
        let Target { platform, limits, .. } = *self.target;
        let SessionExtras { options, foreign_cookies } = extras;
        let source = self
            .generator(platform)
            .with_options(options)
            .with_foreign_cookies(foreign_cookies)
            .without_inputs(configuration::secrets(&self.target.configuration));
        let other = self.other.as_ref().map(|(target, _)| Arc::clone(target));
        work(&Plan {
            loading: &self.loading,
            levels,
            configuration_in_case: None,
            timeout: limits.timeout,
            max_time_per_finding: Plan::MAX_TIME_PER_FINDING,
            with_other: self.other.is_some(),
            workers: &engine::workers(Arc::clone(&self.target), other),
            subject: &|setup| self.subject(levels, setup),
            source: &source,
            judge: &Oracles,
        })
    }
}

/// Starts a worker that loads the plugin, and ends it.
fn load(
    package: &Package,
    configuration: Option<String>,
    options: &PluginOptions,
    confinement: &Confinement,
) -> Result<Option<(Arc<Target>, Loading, MissingProtections)>, Error> {
    let Some(plugin_type) = package.plugin_type().filter(|_| package.is_runnable() && package.is_whole) else {
        return Ok(None);
    };
    // Python names files by their real path, and frames are recognized by it.
    let root = package.root.canonicalize().map_err(Error::reading(&package.root))?;
    let configuration = configuration.or_else(|| package.configuration.clone()).unwrap_or_default();
    let target = Arc::new(Target {
        root,
        entry_point: package.entry_point().to_owned(),
        plugin_type,
        platform: options.platform,
        services: configured_services(&configuration),
        configuration,
        venv: options.venv.clone(),
        limits: options.limits,
        network: confinement.network.clone(),
        sandbox: confinement.sandbox.clone(),
        coverage: true,
        instrument: false,
    });
    let (worker, mut loading) = Worker::start(&target)?;
    // A session with the value of a secret option in it could not show whether the plugin leaks that secret.
    let secrets = configuration::secrets(&target.configuration);
    let is_open = |value: &String| !secrets.iter().any(|secret| value.contains(secret.as_str()));
    let tokens = configuration::options(&target.configuration).into_iter().map(|option| OptionToken {
        section: option.section,
        name: option.name,
        value: option.value.filter(is_open),
    });
    loading.tokens.options = tokens.collect();
    Ok(Some((target, loading, worker.missing())))
}

/// The second plugin. It is not tested, so a defect of it is an error.
fn second_plugin(options: &PluginOptions, confinement: &Confinement) -> Result<Option<(Arc<Target>, Loading)>, Error> {
    let Some((path, configuration)) = &options.other else { return Ok(None) };
    let package = Package::open(path, options.platform, &Default::default())?.package;
    let loaded = match &package {
        Some(package) => load(package, configuration.clone(), options, confinement)?,
        None => None,
    };
    match loaded {
        Some((target, loading, _)) if is_constructed(&loading) => Ok(Some((target, loading))),
        _ => Err(Error::SecondPlugin { path: path.clone() }),
    }
}

fn is_constructed(loading: &Loading) -> bool {
    loading.import == LoadEnding::Done && loading.has_class && loading.constructor == Some(LoadEnding::Done)
}
