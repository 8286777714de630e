//! The children of the zygote: what each does first, and the one that constructs `Plugin`.

use std::{
    os::fd::{AsFd, OwnedFd},
    sync::atomic::Ordering,
};

use hookstorm::{
    contract::Hook,
    runtime::{
        protocol::{
            control::command,
            loading::{ConstructReply, HookReply, LoadReply, LoadRequest},
            shared::Phase,
        },
        sandbox::SessionFolders,
    },
};
use pyo3::prelude::*;
use rustix::{
    io::Errno,
    process::{Resource, Rlimit, setrlimit},
};

use crate::{
    Descriptors, audit,
    exception::{self, Failure},
    interpreter,
    plugin::{self, Plugin, hook_of},
    runner::Runner,
    services,
};

/// What a child is forked for.
pub(crate) struct ChildTask {
    /// One of [`command`].
    pub(crate) kind: u8,
    /// The zygote's address space, to which the limit is added.
    pub(crate) address_space: u64,
    /// For a child that is forked before its call: a byte comes here when the call may begin.
    pub(crate) go: Option<OwnedFd>,
}

/// Does the task of a child, and returns its exit status.
pub(crate) fn main(
    py: Python<'_>,
    descriptors: &mut Descriptors,
    request: &LoadRequest,
    plugin: Option<Plugin>,
    folders: SessionFolders,
    task: ChildTask,
) -> i32 {
    let ChildTask { kind, address_space, go } = task;
    audit::set_own_process();
    // Own process group: a plugin that kills its group kills only itself.
    let _ = rustix::process::setpgid(None, None);
    if let Ok(runner) = interpreter::bootstrap(py).and_then(|bootstrap| bootstrap.getattr("runner")) {
        let _ = runner.set_item(0, std::process::id());
    }
    close_unused_sockets(descriptors, kind);
    limit_memory(descriptors, address_space);
    let mut load = None;
    let plugin = plugin.or_else(|| {
        let (plugin, reply) = Plugin::load(py, descriptors, request);
        load = Some(reply);
        plugin
    });
    if kind == command::CONSTRUCT {
        return construct(py, descriptors, plugin, request, folders, load);
    }
    let Some(plugin) = plugin else { return 3 };
    let Ok(runner) = Runner::new(py, descriptors, plugin, folders) else { return 3 };
    // Never dropped: this process ends with it, and the plugin may have closed its descriptors.
    let mut runner = std::mem::ManuallyDrop::new(runner);
    // The pipe stays open, since a descriptor that appears or disappears during a call is looked into.
    if let Some(go) = &go {
        let mut byte = [0_u8; 1];
        loop {
            match rustix::io::read(go, &mut byte) {
                Ok(1) => break,
                Err(Errno::INTR) => {}
                _ => return 0,
            }
        }
    }
    runner.note_output();
    match kind {
        command::CALL => runner.single_call(),
        command::RUNNER => runner.batches(),
        _ => 3,
    }
}

/// Puts `/dev/null` in place of the sockets that this child does not use: a plugin that reads or writes random
/// descriptors must not speak for the zygote.
fn close_unused_sockets(descriptors: &mut Descriptors, kind: u8) {
    let null = std::io::stdin();
    let _ = rustix::io::dup3(null.as_fd(), &mut descriptors.control, rustix::io::DupFlags::CLOEXEC);
    if kind != command::RUNNER {
        let _ = rustix::io::dup3(null.as_fd(), &mut descriptors.data, rustix::io::DupFlags::CLOEXEC);
    }
}

fn limit_memory(descriptors: &Descriptors, address_space: u64) {
    let memory_bytes = descriptors.shared.header().memory_bytes.load(Ordering::Relaxed);
    if memory_bytes == 0 {
        return;
    }
    let limit = address_space.saturating_add(memory_bytes);
    let _ = setrlimit(Resource::As, Rlimit { current: Some(limit), maximum: Some(limit) });
}

fn construct(
    py: Python<'_>,
    descriptors: &mut Descriptors,
    plugin: Option<Plugin>,
    request: &LoadRequest,
    mut folders: SessionFolders,
    load: Option<LoadReply>,
) -> i32 {
    let mut reply = ConstructReply { load, ..ConstructReply::default() };
    if let Some(mut plugin) = plugin {
        folders.fill_appliance(&request.services);
        let _ = services::begin(py, &request.services, None);
        plugin::begin_phase(descriptors, Phase::Construct);
        let own = std::process::id();
        let instance = plugin.construct(py, &[]);
        if std::process::id() != own {
            // A child that the plugin forked.
            interpreter::leave(0);
        }
        match instance {
            Ok(instance) => {
                for name in &request.hooks {
                    let Some(hook) = Hook::named(name) else { continue };
                    let on_class = hook_of(plugin.class.bind(py), hook, &plugin.origins).ok().flatten().is_some();
                    if !on_class && instance.getattr(hook.name()).is_ok_and(|own| own.is_callable()) {
                        reply.more_hooks.push(HookReply {
                            name: name.clone(),
                            callable: true,
                            parameters: Vec::new(),
                            takes_any: true,
                            frame: None,
                        });
                    }
                }
            }
            Err(error) => match exception::read(py, &error, &plugin.origins, true) {
                Failure::Exited(status, frames) => reply.exited = Some((status, frames)),
                failure => reply.raised = failure.into_exception(true),
            },
        }
        plugin::end_phase(descriptors);
    }
    descriptors.shared.clear_reply();
    match serde_json::to_vec(&reply) {
        Ok(json) if descriptors.shared.append_reply(&json) => 0,
        _ => 3,
    }
}
