// SPDX-License-Identifier: EUPL-1.2
//! What a worker gives up before it reads its first byte: memory above a limit, core dumps, files, the network, new
//! processes, signals to others. Each step is best effort, because kernels differ; what the kernel refuses is returned.
//!
//! Everything here happens while the process has one thread: the threads it makes later inherit it all.

use std::collections::BTreeMap;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::protection::{Protection, Refused};

/// Processor time of a worker over its whole life, seconds: a backstop behind the parent's deadline.
const PROCESSOR: u64 = 600;

/// Processor time of a reader of pictures, seconds.
const PICTURE_PROCESSOR: u64 = 30;

/// The newest landlock whose restrictions are asked for; an older kernel gives what it has.
const LANDLOCK: ABI = ABI::V6;

/// Encloses this process, which opens documents: no file, no socket, no other process.
pub(super) fn enclose(memory: u64) -> Refused {
    let mut refused = limit_all(memory, PROCESSOR, 16);
    refused.add_unless(Protection::Files, no_files());
    refused.add_unless(Protection::Calls, few_calls().is_ok());
    refused
}

/// Encloses a program that is about to take this process's place: it may read what is installed, write to what is open,
/// and talk to nobody.
pub(super) fn enclose_program(program: &Path, memory: u64) -> Refused {
    let mut refused = limit_all(memory, PICTURE_PROCESSOR, 64);
    refused.add_unless(Protection::Files, installed_files(program));
    refused.add_unless(Protection::Calls, no_talk().is_ok());
    refused
}

/// `memory` is the address space, in bytes.
fn limit_all(memory: u64, seconds: u64, files: u64) -> Refused {
    let rows = [
        (libc::RLIMIT_AS, memory),
        (libc::RLIMIT_CPU, seconds),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_FSIZE, 0),
        (libc::RLIMIT_NOFILE, files),
    ];
    let mut refused = Refused::default();
    for (resource, value) in rows {
        refused.add_unless(Protection::Limits, limit(resource, value));
    }
    refused.add_unless(Protection::Parent, die_with_parent());
    refused
}

/// No rule is added, so no path, no port and no other process can be reached in any way this kernel's landlock knows.
fn no_files() -> bool {
    landlocked(Ok)
}

/// What the system's packages hold, to read and to run.
fn installed_files(program: &Path) -> bool {
    let places = [Path::new("/usr"), Path::new("/lib"), Path::new("/lib64"), Path::new("/etc/ld.so.cache"), program];
    // A place that this system does not have needs no rule.
    landlocked(|ruleset| ruleset.add_rules(path_beneath_rules(places, AccessFs::from_read(LANDLOCK))))
}

/// Whether the kernel restricts this process to what `allow` adds.
fn landlocked(allow: impl FnOnce(RulesetCreated) -> Result<RulesetCreated, RulesetError>) -> bool {
    let restrict = || {
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::from_all(LANDLOCK))?
            .create()?;
        allow(ruleset)?.restrict_self()
    };
    // Best effort is no error where the kernel has no landlock at all: the status tells.
    restrict().is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

type FilterError = Box<dyn std::error::Error>;

/// What one call's arguments must be; a list of none always fits.
type Rules = Vec<SeccompRule>;

/// Sockets, other processes, limits and the kernel's own knobs are refused with EPERM; a foreign program's other calls
/// are too many to list.
fn no_talk() -> Result<(), FilterError> {
    let mut refused: Vec<(i64, Rules)> = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_send_signal,
        libc::SYS_process_madvise,
        libc::SYS_process_mrelease,
        libc::SYS_kcmp,
        libc::SYS_setpgid,
        libc::SYS_setrlimit,
        libc::SYS_setpriority,
        libc::SYS_ioprio_set,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setattr,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setscheduler,
        libc::SYS_migrate_pages,
        libc::SYS_move_pages,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_bpf,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_keyctl,
        libc::SYS_perf_event_open,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_vfork,
    ]
    .map(|call| (call, Rules::new()))
    .into();
    refused.push((libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(THREAD), 0)?]));
    refused.push((libc::SYS_tgkill, vec![when(0, SeccompCmpOp::Ne, own_id())?]));
    // Its own limits it may look at; those of others, and new ones, are not its affair.
    let others = SeccompRule::new(vec![
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0)?,
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, own_id())?,
    ])?;
    let new = SeccompRule::new(vec![SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?])?;
    refused.push((libc::SYS_prlimit64, vec![others, new]));
    no_new_clone()?;
    no_second_numbers()?;
    filter(refused, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM.unsigned_abs()))
}

/// What reading a socket, allocating and ending need. Everything else is refused with EPERM.
fn few_calls() -> Result<(), FilterError> {
    let mut allowed: Vec<(i64, Rules)> = [
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_getrandom,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_restart_syscall,
        libc::SYS_close,
        // Answered by another filter; see there.
        libc::SYS_clone3,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
    ]
    .map(|call| (call, Rules::new()))
    .into();
    // Memory that is written to is never run.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        allowed.push((call, vec![when(2, SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64), 0)?]));
    }
    // Threads, not processes: one library parses on a stack of its own.
    allowed.push((libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(THREAD), THREAD)?]));
    // To end itself, as abort does; never the gateway, which has the same user.
    allowed.push((libc::SYS_tgkill, vec![when(0, SeccompCmpOp::Eq, own_id())?]));
    // The names of threads and of their memory.
    let named = [libc::PR_SET_NAME, libc::PR_SET_VMA].map(|option| when(0, SeccompCmpOp::Eq, option as u64));
    allowed.push((libc::SYS_prctl, named.into_iter().collect::<Result<_, _>>()?));
    no_new_clone()?;
    filter(allowed, SeccompAction::Errno(libc::EPERM.unsigned_abs()), SeccompAction::Allow)
}

const THREAD: u64 = libc::CLONE_THREAD as u64;

fn own_id() -> u64 {
    u64::from(std::process::id())
}

/// clone3 has its flags in memory, where no filter sees them. As unknown, it makes the C library take clone.
fn no_new_clone() -> Result<(), FilterError> {
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    filter(vec![(libc::SYS_clone3, Rules::new())], SeccompAction::Allow, unknown)
}

/// x86-64 knows most calls by a second number, that of x32: a list of calls to refuse would not meet them.
#[cfg(target_arch = "x86_64")]
fn no_second_numbers() -> Result<(), FilterError> {
    // __X32_SYSCALL_BIT; seccomp_data begins with the number of the call (linux/seccomp.h).
    const X32: u32 = 0x4000_0000;
    const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, k| seccompiler::sock_filter { code, jt, jf: 0, k };
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
    let program = [
        step(LOAD_NUMBER, 0, 0),
        step(IF_AT_LEAST, 1, X32),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
        step(RETURN, 0, refuse),
    ];
    seccompiler::apply_filter_all_threads(&program)?;
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
fn no_second_numbers() -> Result<(), FilterError> {
    Ok(())
}

/// One argument of a call, as it must be.
fn when(argument: u8, comparison: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, comparison, value)?])
}

/// Installs a filter, for every thread there is, that does `named` with these calls and `others` with all others.
fn filter(calls: Vec<(i64, Rules)>, others: SeccompAction, named: SeccompAction) -> Result<(), FilterError> {
    let rules: BTreeMap<_, _> = calls.into_iter().collect();
    let filter = SeccompFilter::new(rules, others, named, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter_all_threads(&program)?;
    Ok(())
}

fn limit(resource: libc::__rlimit_resource_t, value: u64) -> bool {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: `limit` is a valid rlimit that outlives the call; the kernel only reads it.
    unsafe { libc::setrlimit(resource, &limit) == 0 }
}

/// A worker whose gateway was killed must not stay behind.
fn die_with_parent() -> bool {
    // SAFETY: PR_SET_PDEATHSIG takes one number and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0 }
}

/// Whether a signal could be sent to this process. None is: number 0 only asks.
pub(super) fn can_signal(process: u32) -> bool {
    // SAFETY: tgkill takes three numbers and touches no memory.
    unsafe { libc::syscall(libc::SYS_tgkill, process, process, 0) == 0 }
}

/// Whether memory could be had that may be run.
pub(super) fn can_run_memory() -> bool {
    let (length, protection) = (4096, libc::PROT_READ | libc::PROT_EXEC);
    // SAFETY: a new mapping at a place of the kernel's choice concerns no memory that is in use; it is never given back.
    let got =
        unsafe { libc::mmap(std::ptr::null_mut(), length, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
    got != libc::MAP_FAILED
}
