//! Whether the platform can call a hook: which of the parameters that the hook requires get a value, and since when.

use super::stack;
use crate::{
    contract::{Api, Argument, Hook, HookSpec, Platform, PluginType},
    finding::Location,
    trace::{HookSignature, Loading, Origin, Parameter},
};

/// Whether and since when the platform passes a parameter.
pub(super) enum Passing {
    Passed,
    /// The platform passes such an argument, but only by name.
    PositionalOnly,
    /// A later platform passes it.
    Since(Api),
    Never,
}

pub(super) fn passing(spec: &HookSpec, platform: &Platform, parameter: &Parameter) -> Passing {
    match Argument::named(&parameter.name).and_then(|argument| spec.argument_since(argument)) {
        Some(since) if since > platform.api => Passing::Since(since),
        Some(_) if parameter.positional_only => Passing::PositionalOnly,
        Some(_) => Passing::Passed,
        None => Passing::Never,
    }
}

/// Whether a hook is defined in the plugin's own files.
pub(super) fn is_own(signature: &HookSignature) -> bool {
    signature.frame.as_ref().is_some_and(|frame| frame.origin == Origin::Plugin)
}

/// A hook whose function in the class is another one than the hook itself: a decorator's, without `functools.wraps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedHook {
    /// The hook.
    pub hook: Hook,
    /// The function that the platform sees.
    pub wrapper: Location,
    /// Whether it takes any keyword argument.
    pub takes_kwargs: bool,
}

/// The wrapped hooks of a plugin. A hook that is only another name of a method is none.
pub(super) fn wrapped(loading: &Loading) -> Vec<WrappedHook> {
    let is_method = |name: &str| loading.names.iter().any(|known| known.name == name);
    let wrapped = |signature: &HookSignature| {
        let frame = signature.frame.as_ref().filter(|frame| frame.origin == Origin::Plugin)?;
        let is_wrapper = frame.function != signature.hook.name()
            && !is_method(&frame.function)
            && signature.parameters.iter().all(|parameter| !parameter.required);
        is_wrapper.then(|| WrappedHook {
            hook: signature.hook,
            wrapper: stack::location(frame),
            takes_kwargs: signature.takes_kwargs,
        })
    };
    loading.hooks.iter().filter_map(wrapped).collect()
}

/// The hooks that the platform calls, with their signatures.
fn called<'a>(
    plugin_type: PluginType,
    platform: &Platform,
    loading: &'a Loading,
) -> impl Iterator<Item = (&'static HookSpec, &'a HookSignature)> {
    HookSpec::on(plugin_type, platform).filter_map(|spec| {
        let signature = loading.hooks.iter().find(|signature| signature.hook == spec.hook)?;
        Some((spec, signature))
    })
}

/// The hooks that the platform calls and that require something that it does not pass.
pub(super) fn uncallable(plugin_type: PluginType, platform: &Platform, loading: &Loading) -> Vec<Hook> {
    let lacks = |spec: &HookSpec, parameter: &Parameter| {
        parameter.required && !matches!(passing(spec, platform, parameter), Passing::Passed)
    };
    called(plugin_type, platform, loading)
        .filter(|(spec, signature)| signature.parameters.iter().any(|parameter| lacks(spec, parameter)))
        .map(|(_, signature)| signature.hook)
        .collect()
}

/// The arguments that inherited hooks require and that came with a later platform, if the installed SDK is newer than
/// the platform; otherwise none.
pub(super) fn newer_sdk_requires(plugin_type: PluginType, platform: &Platform, loading: &Loading) -> Vec<&'static str> {
    let mut names = Vec::new();
    if sdk_api(loading).is_none_or(|api| api <= platform.api) {
        return names;
    }
    for (spec, signature) in called(plugin_type, platform, loading).filter(|(_, signature)| !is_own(signature)) {
        for parameter in signature.parameters.iter().filter(|parameter| parameter.required) {
            if let (Passing::Since(_), Some(argument)) =
                (passing(spec, platform, parameter), Argument::named(&parameter.name))
                && !names.contains(&argument.name())
            {
                names.push(argument.name());
            }
        }
    }
    names
}

/// The API level of an SDK's version, `1.9.1` \[S\].
pub(super) fn sdk_api(loading: &Loading) -> Option<Api> {
    let mut parts = loading.sdk_version.as_deref()?.split('.');
    Some(Api::new(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
