//! The filter on system calls. The kernel refuses some of them at once. Those that connect, listen, send or start a
//! process wait until the guardian has judged them.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{FromRawFd, OwnedFd},
};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::{Confinement, MissingProtections, Protection};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// System calls that the plugin sees as unknown to the kernel: they do what is filtered in ways that a filter cannot
/// look into. Libraries then use the older ones.
const UNKNOWN: &[i64] = &[libc::SYS_clone3, libc::SYS_io_uring_setup];

/// System calls that no plugin needs and that lead out of its sandbox: keyrings, other namespaces, the kernel itself.
const FORBIDDEN: &[i64] = &[
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// Families of sockets that a plugin can create: the others reach a hypervisor, a radio or the network card itself.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Refuses, for this process and all its children, what no plugin needs.
///
/// # Errors
/// If the kernel has no such filter.
pub fn refuse(missing: MissingProtections) -> io::Result<()> {
    let unknown: Rules = UNKNOWN.iter().map(|&call| (call, Vec::new())).collect();
    apply(compile(unknown, SeccompAction::Errno(libc::ENOSYS as u32))?, 0)?;
    let mut forbidden: Rules = FORBIDDEN.iter().map(|&call| (call, Vec::new())).collect();
    let others = FAMILIES.map(|family| condition(0, SeccompCmpOp::Ne, family as u64));
    forbidden.insert(libc::SYS_socket, vec![rule(others.into_iter().collect::<io::Result<_>>()?)?]);
    if missing.has(Protection::Processes) {
        // Without a namespace, -1 means every process of this user.
        forbidden.insert(libc::SYS_kill, vec![rule(vec![condition(0, SeccompCmpOp::Eq, u64::from(u32::MAX))?])?]);
    }
    apply(compile(forbidden, SeccompAction::Errno(libc::EPERM as u32))?, 0)?;
    Ok(())
}

/// Refuses sockets of the internet families with `ENETUNREACH`, as a machine without a network does. For a kernel on
/// which the guardian cannot supervise them.
///
/// # Errors
/// If the kernel has no such filter.
pub fn refuse_sockets() -> io::Result<()> {
    let families = [libc::AF_INET, libc::AF_INET6];
    let rules = families.map(|family| rule(vec![condition(0, SeccompCmpOp::Eq, family as u64)?]));
    let rules = Rules::from([(libc::SYS_socket, rules.into_iter().collect::<io::Result<_>>()?)]);
    apply(compile(rules, SeccompAction::Errno(libc::ENETUNREACH as u32))?, 0)?;
    Ok(())
}

/// Lets a supervisor judge system calls of this process and all its children from now on. Returns the descriptor on
/// which it listens.
///
/// # Errors
/// If the kernel has no such filter, or if another program supervises this process already.
pub fn supervise(confinement: Confinement) -> io::Result<OwnedFd> {
    let thread = libc::CLONE_THREAD as u64;
    let mut rules =
        Rules::from([(libc::SYS_clone, vec![rule(vec![condition(0, SeccompCmpOp::MaskedEq(thread), 0)?])?])]);
    #[cfg(target_arch = "x86_64")]
    rules.extend([(libc::SYS_fork, Vec::new()), (libc::SYS_vfork, Vec::new())]);
    if confinement.is_closed() || confinement.is_limited() {
        let calls = [libc::SYS_connect, libc::SYS_listen, libc::SYS_sendmsg, libc::SYS_sendmmsg];
        rules.extend(calls.map(|call| (call, Vec::new())));
        // One without an address goes to the address that the socket is connected with.
        let address = SeccompCondition::new(4, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0).map_err(other)?;
        rules.insert(libc::SYS_sendto, vec![rule(vec![address])?]);
    }
    // The crate does not know this action, so that another one takes its place until the program is compiled.
    let mut program = compile(rules, SeccompAction::Trace(0))?;
    let is_return = |code: u16| u32::from(code) == libc::BPF_RET | libc::BPF_K;
    for step in program.iter_mut().filter(|step| is_return(step.code) && step.k == libc::SECCOMP_RET_TRACE) {
        step.k = libc::SECCOMP_RET_USER_NOTIF;
    }
    let listener = apply(program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)?;
    // SAFETY: the kernel has just opened this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(other)
}

fn rule(conditions: Vec<SeccompCondition>) -> io::Result<SeccompRule> {
    SeccompRule::new(conditions).map_err(other)
}

fn other(error: seccompiler::BackendError) -> io::Error {
    io::Error::other(error.to_string())
}

fn compile(rules: Rules, action: SeccompAction) -> io::Result<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into().map_err(other)?;
    SeccompFilter::new(rules, SeccompAction::Allow, action, arch).and_then(TryInto::try_into).map_err(other)
}

/// Installs a filter for this process. Without `SPEC_ALLOW`, older kernels slow down every process with a filter, to
/// prevent attacks that a plugin under test does not make.
fn apply(mut program: BpfProgram, flags: libc::c_ulong) -> io::Result<i32> {
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr().cast() };
    let flags = flags | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: the kernel reads the program, which lives until after the call and has the given length; the crate's
    // instructions have the kernel's layout.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}
