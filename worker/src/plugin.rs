//! The plugin in this process: its class, its configuration, and the arguments that each hook accepts.

use hookstorm::{
    case::SetOption,
    contract::{Argument, Hook},
    runtime::{
        protocol::{
            loading::{HookReply, LoadReply, LoadRequest},
            shared::{Phase, now_ns},
        },
        sandbox::session_folders,
    },
    trace::{DefinedName, Origin, Parameter, SourceFile},
};
use pyo3::{
    prelude::*,
    types::{PyDict, PyList, PyModule, PyString, PyTuple},
};
use std::sync::atomic::Ordering;

use crate::{
    Descriptors,
    coverage::Coverage,
    exception::{self, Failure, Origins},
    interpreter::{self, bootstrap},
    log_watch::LogWatch,
    probe::Instrument,
    state::State,
};

/// A plugin that was imported and has a class `Plugin`.
pub(crate) struct Plugin {
    /// The class.
    pub(crate) class: Py<PyAny>,
    /// What the constructor gets; `None` if it takes no argument.
    pub(crate) configuration: Option<Py<PyString>>,
    /// The configuration text of the target, to which a session may add options.
    base_configuration: String,
    /// The last session's options, and the configuration with them.
    configured: Option<(Vec<SetOption>, Py<PyString>)>,
    /// For each hook, by its number, the arguments that it accepts.
    pub(crate) hooks: Vec<Option<AcceptedArguments>>,
    pub(crate) origins: Origins,
    /// The state that sessions may change.
    pub(crate) state: State,
    pub(crate) coverage: Option<Coverage>,
    /// What `logging` writes; `None` if importing the plugin did not import it.
    pub(crate) log: Option<LogWatch>,
}

/// The arguments that a hook accepts.
#[derive(Debug)]
pub(crate) struct AcceptedArguments {
    /// The hook's name, interned.
    pub(crate) name: Py<PyString>,
    /// A bit for each argument.
    pub(crate) mask: u64,
    /// The names that were last passed, so that the next call need not make the tuple again.
    pub(crate) names: Option<(Vec<Argument>, Py<PyTuple>)>,
}

impl AcceptedArguments {
    /// Those of a hook with these parameters.
    pub(crate) fn new(py: Python<'_>, hook: Hook, parameters: &[Parameter], takes_any: bool) -> Self {
        let mask = Argument::ALL
            .iter()
            .filter(|argument| {
                takes_any
                    || parameters
                        .iter()
                        .any(|parameter| parameter.name == argument.name() && !parameter.positional_only)
            })
            .fold(0, |mask, argument| mask | 1 << *argument as u8);
        Self { name: PyString::intern(py, hook.name()).unbind(), mask, names: None }
    }
}

/// Notes what the worker does from now on, so that the host can limit its time. Returns the time.
pub(crate) fn begin_phase(descriptors: &Descriptors, phase: Phase) -> u64 {
    let header = descriptors.shared.header();
    let since_ns = now_ns();
    header.phase.store(phase as u32, Ordering::Relaxed);
    if phase != Phase::Call {
        header.has_begun.store(1, Ordering::Relaxed);
    }
    header.since_ns.store(since_ns, Ordering::Release);
    since_ns
}

/// Notes that no code of the plugin runs any more.
pub(crate) fn end_phase(descriptors: &Descriptors) {
    let header = descriptors.shared.header();
    header.since_ns.store(0, Ordering::Release);
    header.phase.store(Phase::Idle as u32, Ordering::Relaxed);
}

impl Plugin {
    /// Imports the plugin, and returns what that showed. There is no plugin if it cannot be called.
    pub(crate) fn load(py: Python<'_>, descriptors: &Descriptors, request: &LoadRequest) -> (Option<Self>, LoadReply) {
        let mut reply = LoadReply {
            python: Python::version_str().split_whitespace().next().unwrap_or_default().to_owned(),
            standard_library: standard_library(py).unwrap_or_default(),
            ..LoadReply::default()
        };
        let origins = Origins {
            root: request.root.to_string_lossy().into_owned(),
            standard_library: reply.standard_library.clone(),
            scratch: request.scratch.to_string_lossy().into_owned(),
            temporary: session_folders::temporary_folder(&request.scratch).to_string_lossy().into_owned(),
        };
        let instrument = request.instrument.then(|| Instrument::install(py, descriptors, request)).transpose();
        let instrument = instrument.unwrap_or_else(|error| {
            eprintln!("hookstorm-worker: the plugin cannot be instrumented: {error}");
            None
        });
        let loader = instrument.as_ref().map(|instrument| &instrument.loader);
        begin_phase(descriptors, Phase::Import);
        let path = request.root.join(&request.entry_point);
        let name = request.entry_point.strip_suffix(".py").unwrap_or(&request.entry_point);
        let own = std::process::id();
        let module =
            bootstrap(py).and_then(|bootstrap| bootstrap.call_method1("load", (path.as_os_str(), name, loader)));
        if std::process::id() != own {
            // The plugin forked, and this is the child, which has returned from the import. The host knows nothing of
            // it.
            interpreter::leave(0);
        }
        let module = match module {
            Ok(module) => module,
            Err(error) => {
                match exception::read(py, &error, &origins, false) {
                    Failure::Exited(status, frames) => reply.exited = Some((status, frames)),
                    failure => reply.raised = failure.into_exception(false),
                }
                end_phase(descriptors);
                return (None, reply);
            }
        };
        end_phase(descriptors);
        reply.places = instrument.map_or(0, |instrument| instrument.places());
        reply.threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        // The standard library must work while the class is looked at, whatever the plugin changed in it.
        let own = bootstrap(py);
        let theirs = own.as_ref().ok().and_then(|own| own.call_method0("own_builtins").ok());
        let described = Self::describe(py, descriptors, request, &module, origins, &mut reply);
        if let (Ok(own), Some(theirs)) = (own, theirs) {
            let _ = own.call_method1("restore_builtins", (theirs,));
        }
        match described {
            Ok(plugin) => (plugin, reply),
            Err(error) => {
                // Our own Python failed on this class. The reply has what is known until here.
                eprintln!("hookstorm-worker: the plugin cannot be described: {error}");
                (None, reply)
            }
        }
    }

    fn describe(
        py: Python<'_>,
        descriptors: &Descriptors,
        request: &LoadRequest,
        module: &Bound<'_, PyAny>,
        origins: Origins,
        reply: &mut LoadReply,
    ) -> PyResult<Option<Self>> {
        let bootstrap = bootstrap(py)?;
        let files = bootstrap.call_method1("own_files", (&origins.root,))?.cast_into::<PyDict>()?;
        let mut lines_of = Vec::new();
        for (path, _) in files.iter() {
            let path = path.extract::<String>()?;
            let lines: Vec<u32> =
                if request.coverage { bootstrap.call_method1("lines_of", (&path,))?.extract()? } else { Vec::new() };
            lines_of.push((path, lines));
        }
        lines_of.sort();
        if request.coverage {
            let paths: Vec<&String> = lines_of.iter().map(|(path, _)| path).collect();
            let (strings, numbers, names) = bootstrap.call_method1("tokens_of", (paths,))?.extract()?;
            reply.tokens.strings = strings;
            reply.tokens.numbers = numbers;
            reply.tokens.names = names;
            reply.tokens.patterns = bootstrap.call_method1("patterns_of", (&files,))?.extract()?;
        }
        let paths: Vec<&String> = lines_of.iter().map(|(path, _)| path).collect();
        reply.tokens.services = crate::services::used(py, &paths)?;
        reply.files = lines_of
            .iter()
            .map(|(path, lines)| SourceFile {
                path: path.strip_prefix(&origins.root).unwrap_or(path).trim_start_matches('/').to_owned(),
                lines: lines.clone(),
            })
            .collect();
        reply.sdk_version = bootstrap.call_method0("sdk_version")?.extract()?;

        let class = module.getattr("Plugin").ok();
        let class = class.filter(|class| {
            bootstrap.call_method1("is_class", (class,)).is_ok_and(|is_class| is_class.is_truthy().unwrap_or(false))
        });
        let Some(class) = class else {
            reply.names = names(&bootstrap, "classes_of", module, request, &origins);
            return Ok(None);
        };
        reply.has_class = true;
        reply.names = names(&bootstrap, "methods_of", &class, request, &origins);
        let takes_configuration = bootstrap.call_method1("constructor_takes_configuration", (&class,))?.is_truthy()?;
        reply.takes_configuration = takes_configuration;
        let mut hooks: Vec<Option<AcceptedArguments>> = Hook::ALL.iter().map(|_| None).collect();
        for name in &request.hooks {
            let Some(hook) = Hook::named(name) else { continue };
            let Some(found) = hook_of(&class, hook, &origins)? else { continue };
            if found.callable {
                hooks[hook as usize] = Some(AcceptedArguments::new(py, hook, &found.parameters, found.takes_any));
            }
            reply.hooks.push(found);
        }
        let log = LogWatch::start(py, &descriptors.stderr, &origins.root)?;
        let state = State::of(py, &origins.root)?;
        let coverage =
            if request.coverage { Coverage::start(py, descriptors, &origins.root, &lines_of)? } else { None };
        Ok(Some(Self {
            class: class.unbind(),
            base_configuration: request.configuration.clone(),
            configured: None,
            configuration: takes_configuration.then(|| PyString::new(py, &request.configuration).unbind()),
            hooks,
            origins,
            state,
            coverage,
            log,
        }))
    }
}

impl Plugin {
    /// Constructs `Plugin` with the configuration and with `options` added to it.
    pub(crate) fn construct<'py>(&mut self, py: Python<'py>, options: &[SetOption]) -> PyResult<Bound<'py, PyAny>> {
        let class = self.class.bind(py);
        let Some(configuration) = &self.configuration else { return class.call0() };
        if options.is_empty() {
            return class.call1((configuration.bind(py),));
        }
        if self.configured.as_ref().is_none_or(|(known, _)| known != options) {
            let text = hookstorm::package::configuration::with_options(
                &self.base_configuration,
                options.iter().map(SetOption::assignment),
            );
            self.configured = Some((options.to_vec(), PyString::new(py, &text).unbind()));
        }
        let (_, configured) = self.configured.as_ref().expect("made right above");
        class.call1((configured.bind(py),))
    }
}

/// The names that the plugin defines where the platform looks for others: of the classes of `owner`, a module, or of
/// the functions of `owner`, a class. None if the plugin's own objects make that impossible.
fn names(
    bootstrap: &Bound<'_, PyModule>,
    function: &str,
    owner: &Bound<'_, PyAny>,
    request: &LoadRequest,
    origins: &Origins,
) -> Vec<DefinedName> {
    type Class = (String, String, u32, Vec<String>);
    let found = if function == "classes_of" {
        bootstrap.call_method1(function, (owner, &request.hooks)).and_then(|found| found.extract::<Vec<Class>>())
    } else {
        let methods = bootstrap.call_method1(function, (owner,));
        methods
            .and_then(|found| found.extract::<Vec<(String, String, u32)>>())
            .map(|methods| methods.into_iter().map(|(name, file, line)| (name, file, line, Vec::new())).collect())
    };
    let defined = |(name, file, line, hooks): Class| {
        let frame = origins.frame(&file, String::new(), line);
        DefinedName { name, hooks, frame }
    };
    found.unwrap_or_default().into_iter().map(defined).filter(|name| name.frame.origin == Origin::Plugin).collect()
}

/// The hook of `owner`, a class.
pub(crate) fn hook_of(owner: &Bound<'_, PyAny>, hook: Hook, origins: &Origins) -> PyResult<Option<HookReply>> {
    let found = bootstrap(owner.py())?.call_method1("hook_of", (owner, hook.name()))?;
    if found.is_none() {
        return Ok(None);
    }
    type Found = (bool, Vec<(String, bool, bool)>, bool, String, String, u32);
    let (callable, parameters, takes_any, file, function, line): Found = found.extract()?;
    Ok(Some(HookReply {
        name: hook.name().into(),
        callable,
        parameters: parameters
            .into_iter()
            .map(|(name, required, positional_only)| Parameter { name, required, positional_only })
            .collect(),
        takes_any,
        frame: (!file.is_empty()).then(|| origins.frame(&file, function, line)),
    }))
}

fn standard_library(py: Python<'_>) -> PyResult<String> {
    let path = py.import("os")?.getattr("__file__")?.extract::<String>()?;
    Ok(path.rsplit_once('/').map_or(path.clone(), |(folder, _)| folder.to_owned()))
}

/// The list that `object` has as an attribute.
pub(crate) fn list<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyList>> {
    Ok(object.getattr(name)?.cast_into::<PyList>()?)
}
