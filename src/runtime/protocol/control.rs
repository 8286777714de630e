//! What host, guardian and zygote send each other beside batches: commands and replies of one byte, and what goes with
//! them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    case::Value,
    runtime::{Destination, protocol::interpreter::Interpreter},
    trace::{Exception, Frame, Parameter, PluginTokens, SourceFile},
};

/// What the host sends to the zygote.
pub mod command {
    /// Import the plugin that the request area describes.
    pub const LOAD: u8 = b'L';
    /// Fork a child that constructs `Plugin` and tells how that went.
    pub const CONSTRUCT: u8 = b'N';
    /// Fork a child that makes the one call in the request area.
    pub const CALL: u8 = b'C';
    /// Fork a runner.
    pub const RUNNER: u8 = b'R';
    /// Fork children that end at once, as many as the next four bytes say. For the benches.
    pub const BARE: u8 = b'B';
    /// Send the signal in the next byte to the child.
    pub const SIGNAL: u8 = b'S';
}

/// What zygote and runner send to the host, and [`BATCH`](reply::BATCH), which the host sends to a runner.
pub mod reply {
    /// The zygote runs. A [`Started`](super::Started) follows as JSON. With it come a descriptor of the zygote's process
    /// and, if the scratch folder is mounted for this worker alone, one of that folder.
    pub const STARTED: u8 = b'w';
    /// The plugin is loaded, or not; the reply area tells.
    pub const LOADED: u8 = b'l';
    /// The child ended; four bytes follow: its exit status, or the negative of the signal that ended it.
    pub const ENDED: u8 = b'x';
    /// The host's order to a runner: run the batch in the request area.
    pub const BATCH: u8 = b'b';
    /// The runner is through with the batch, or with as much of it as the reply area holds.
    pub const DONE: u8 = b'd';
    /// The runner is through with as much of the batch as it will do, and ends.
    pub const RETIRED: u8 = b'r';
}

/// What a worker tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The version of hookstorm that it belongs to.
    pub version: String,
    /// The Python that it embeds.
    pub python: Interpreter,
}

impl Started {
    /// A worker of this version that embeds `python`.
    pub fn new(python: Interpreter) -> Self {
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), python }
    }

    /// The version that the host and its worker must have in common.
    pub fn is_of_this_version(&self) -> bool {
        self.version == env!("CARGO_PKG_VERSION")
    }
}

/// What is to be loaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadRequest {
    /// The package's root.
    pub root: PathBuf,
    /// The module's file in it.
    pub entry_point: String,
    /// The text that `Plugin` gets.
    pub configuration: String,
    /// Folders of installed packages, searched after the root and the standard library.
    pub site_packages: Vec<PathBuf>,
    /// The folder for everything that the plugin writes.
    pub scratch: PathBuf,
    /// The folder that holds the plugin's state folders, where they are shared with other workers and outlive sessions.
    pub state: Option<PathBuf>,
    /// Destinations that may be reached, where the network is neither closed nor open.
    pub destinations: Vec<Destination>,
    /// Files and folders that may be read beside those that Python and the package need.
    pub readable: Vec<PathBuf>,
    /// Whether lines are marked.
    pub coverage: bool,
    /// Whether the plugin's own code is instrumented.
    pub instrument: bool,
    /// Whether the zygote imports the plugin; otherwise each child does.
    pub preload: bool,
    /// The hooks to look for.
    pub hooks: Vec<String>,
    /// What the platform's services hold while `Plugin` is constructed as a step of loading.
    pub services: Value,
}

/// What was seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LoadReply {
    /// CPython's version.
    pub python: String,
    /// Where the standard library lies.
    pub standard_library: String,
    /// Whether the import raised.
    pub raised: Option<Exception>,
    /// The exit status, if the import raised `SystemExit`.
    pub exited: Option<(i32, Vec<Frame>)>,
    /// Whether there is a class `Plugin`.
    pub has_class: bool,
    /// The hooks.
    pub hooks: Vec<HookReply>,
    /// Constants.
    pub words: PluginTokens,
    /// Files.
    pub files: Vec<SourceFile>,
    /// The SDK's version.
    pub sdk_version: Option<String>,
    /// How many threads the process has after the import.
    pub threads: usize,
    /// How many places of the plugin's own code are watched.
    pub places: usize,
}

/// A hook that the class has.
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

/// How constructing `Plugin` went.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ConstructReply {
    /// What was seen of the import, where the zygote had not imported the plugin.
    pub load: Option<LoadReply>,
    /// Whether it raised.
    pub raised: Option<Exception>,
    /// The exit status, if it raised `SystemExit`.
    pub exited: Option<(i32, Vec<Frame>)>,
    /// Hooks that the instance has and the class has not.
    pub more_hooks: Vec<HookReply>,
}
