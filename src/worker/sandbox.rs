// SPDX-License-Identifier: EUPL-1.2
//! What a worker gives up before it reads its first byte: memory above a limit, core dumps, files, the network, new
//! processes. Each step is best effort, because kernels differ; a refused step is reported once on stderr.

use std::collections::BTreeMap;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, path_beneath_rules,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Address space of a worker, bytes.
const MEMORY: u64 = 1 << 30;

/// Processor time of a worker over its whole life, seconds: a backstop behind the parent's deadline.
const PROCESSOR: u64 = 600;

/// Processor time of a reader of pictures, seconds.
const PICTURE_PROCESSOR: u64 = 30;

/// Limits of the process, inherited by its threads.
pub(super) fn limits() {
    limit_all(PROCESSOR, 16);
}

fn limit_all(seconds: u64, files: u64) {
    let rows = [
        (libc::RLIMIT_AS, MEMORY),
        (libc::RLIMIT_CPU, seconds),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_FSIZE, 0),
        (libc::RLIMIT_NOFILE, files),
    ];
    for (resource, value) in rows {
        if !limit(resource, value) {
            eprintln!("worker: the kernel refused a resource limit");
        }
    }
    if !die_with_parent() {
        eprintln!("worker: the kernel refused to bind this process to its parent");
    }
}

/// Files and system calls, for the calling thread and its children.
pub(super) fn enclose() {
    if let Err(error) = no_files() {
        eprintln!("worker: no landlock on this kernel: {error}");
    }
    if let Err(error) = few_calls() {
        eprintln!("worker: no seccomp on this kernel: {error}");
    }
}

/// A program that is about to take this process's place: it may read what is installed, write to what is open, and
/// talk to nobody.
pub(super) fn enclose_program(program: &Path) {
    limit_all(PICTURE_PROCESSOR, 64);
    if let Err(error) = installed_files(program) {
        eprintln!("worker: no landlock on this kernel: {error}");
    }
    if let Err(error) = no_talk() {
        eprintln!("worker: no seccomp on this kernel: {error}");
    }
}

/// What the system's packages hold, to read and to run.
fn installed_files(program: &Path) -> Result<(), landlock::RulesetError> {
    let places = [Path::new("/usr"), Path::new("/lib"), Path::new("/lib64"), Path::new("/etc/ld.so.cache"), program];
    // A place that this system does not have needs no rule.
    let rules = path_beneath_rules(places, AccessFs::from_read(ABI::V5));
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .create()?
        .add_rules(rules)?
        .restrict_self()?;
    Ok(())
}

/// Sockets, other processes and the kernel's own knobs are refused with EPERM; a foreign program's other calls are too
/// many to list.
fn no_talk() -> Result<(), Box<dyn std::error::Error>> {
    let refused = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_pidfd_open,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_bpf,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_keyctl,
        libc::SYS_perf_event_open,
    ];
    filter(&refused, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM.unsigned_abs()))
}

/// No rule is added, so no path can be opened in any way this kernel's landlock knows.
fn no_files() -> Result<(), landlock::RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .create()?
        .restrict_self()?;
    Ok(())
}

/// What reading a socket, allocating and ending need. Everything else is refused with EPERM.
fn few_calls() -> Result<(), Box<dyn std::error::Error>> {
    let allowed = [
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
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
        libc::SYS_tgkill,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_restart_syscall,
        libc::SYS_close,
        // Threads: one library parses on a stack of its own.
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_prctl,
    ];
    filter(&allowed, SeccompAction::Errno(libc::EPERM.unsigned_abs()), SeccompAction::Allow)
}

/// Installs a filter that does `named` with these calls and `others` with all others.
fn filter(calls: &[i64], others: SeccompAction, named: SeccompAction) -> Result<(), Box<dyn std::error::Error>> {
    let rules: BTreeMap<_, _> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let filter = SeccompFilter::new(rules, others, named, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
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
