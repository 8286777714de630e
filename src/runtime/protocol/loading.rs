//! The request to load a plugin and the replies to it: JSON in the shared memory, read and written by the same types.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    case::Value,
    runtime::Destination,
    trace::{DefinedName, Exception, Frame, Parameter, PluginTokens, SourceFile},
};

/// The plugin to load and how to load it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadRequest {
    /// The package's root.
    pub root: PathBuf,
    /// The module's file in the root.
    pub entry_point: String,
    /// The text that `Plugin` gets.
    pub configuration: String,
    /// Folders of installed packages, searched after the root and the standard library.
    pub site_packages: Vec<PathBuf>,
    /// The folder for everything that the plugin writes. The worker knows where it is, and the host need not.
    #[serde(skip)]
    pub scratch: PathBuf,
    /// The folder with the plugin's state folders, if other workers share them and they outlive sessions.
    pub state: Option<PathBuf>,
    /// Destinations that the plugin may reach; empty if the network is closed or open as a whole.
    pub destinations: Vec<Destination>,
    /// Files and folders that the plugin may read beside those that Python and the package need.
    pub readable: Vec<PathBuf>,
    /// Whether the worker marks lines.
    pub coverage: bool,
    /// Whether the worker instruments the plugin's own code.
    pub instrument: bool,
    /// Whether the zygote imports the plugin; otherwise each child does.
    pub preload: bool,
    /// The hooks to look for.
    pub hooks: Vec<String>,
    /// What the platform's services contain while `Plugin` is constructed as a step of loading.
    pub services: Value,
}

/// What importing the plugin showed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LoadReply {
    /// CPython's version.
    pub python: String,
    /// The folder of the standard library.
    pub standard_library: String,
    /// The exception that the import raised.
    pub raised: Option<Exception>,
    /// The exit status, if the import raised `SystemExit`.
    pub exited: Option<(i32, Vec<Frame>)>,
    /// Whether there is a class `Plugin`.
    pub has_class: bool,
    /// Whether its constructor takes the configuration.
    pub takes_configuration: bool,
    /// The hooks that the class has.
    pub hooks: Vec<HookReply>,
    /// Constants in the plugin's own code.
    pub tokens: PluginTokens,
    /// The plugin's own files.
    pub files: Vec<SourceFile>,
    /// The SDK's version.
    pub sdk_version: Option<String>,
    /// The functions of the class `Plugin`, or the module's classes if it has none of that name.
    #[serde(default)]
    pub names: Vec<DefinedName>,
    /// The number of threads after the import.
    pub threads: usize,
    /// The number of places that are instrumented.
    pub places: usize,
}

/// A hook of a plugin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HookReply {
    /// Its name.
    pub name: String,
    /// Whether it can be called.
    pub callable: bool,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Whether it has `**kwargs`.
    pub takes_any: bool,
    /// Where it is defined.
    pub frame: Option<Frame>,
}

/// What constructing `Plugin` showed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ConstructReply {
    /// What the import showed, if this child imported the plugin.
    pub load: Option<LoadReply>,
    /// The exception that the constructor raised.
    pub raised: Option<Exception>,
    /// The exit status, if it raised `SystemExit`.
    pub exited: Option<(i32, Vec<Frame>)>,
    /// Hooks that the instance has and the class has not.
    pub more_hooks: Vec<HookReply>,
}
