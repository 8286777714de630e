//! [`check`].

use super::Plugin;
use crate::{engine::Summary, report::Report};

/// Reports what the rules of package and loading found when the plugin was opened. It calls no hook.
///
/// ```no_run
/// use hookstorm::{Plugin, PluginOptions};
///
/// let plugin = Plugin::open("examples/faulty-store", PluginOptions::new())?;
/// let report = hookstorm::check(&plugin);
/// assert!(!report.is_failure());
/// # Ok::<(), hookstorm::Error>(())
/// ```
pub fn check(plugin: &Plugin) -> Report {
    plugin.report("check", None, Summary::default())
}
