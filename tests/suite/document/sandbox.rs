// SPDX-License-Identifier: EUPL-1.2
//! The sandbox stands round the whole worker, whichever of its threads asks; and what the kernel refuses is told.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use octroi::document::DocumentError;
use octroi::worker::{Protection, WorkerSettings, Workers, faults};

use super::make;
use super::workers::open;
use crate::skip::skip;

const OCTROI: &str = env!("CARGO_BIN_EXE_octroi");

/// The worker under strace, which answers these calls as a kernel without them does.
fn refusing(folder: &Path, injection: &str) -> Option<PathBuf> {
    if Command::new("strace").arg("-V").output().is_err() {
        skip("strace is not installed");
        return None;
    }
    let path = folder.join("refusing");
    let calls = injection.split(':').next().unwrap();
    let text = format!(
        "#!/bin/sh\nexec /usr/bin/strace -f -o /dev/null -e trace={calls} -e inject={injection} {OCTROI} \"$@\"\n"
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Some(path)
}

#[test]
fn no_thread_of_a_worker_can_do_what_a_reader_of_documents_must_not() {
    assert_eq!(faults(OCTROI.as_ref()), Vec::<String>::new());
}

#[test]
fn what_the_kernel_refuses_and_what_is_possible_then_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = refusing(folder.path(), "seccomp:error=EINVAL") else { return };
    let told = faults(&program);
    for thread in ["its first thread", "its reading thread"] {
        assert!(told.contains(&format!("{thread} can run memory that it wrote")), "{told:?}");
    }
    assert!(told.iter().any(|line| line.contains("seccomp")), "{told:?}");
    let Some(program) = refusing(folder.path(), "landlock_create_ruleset:error=EOPNOTSUPP") else { return };
    let told = faults(&program);
    assert_eq!(told, ["the kernel does not give it a lock on files (landlock)"]);
}

#[tokio::test]
async fn a_worker_says_what_the_kernel_refused_before_it_reads() {
    let opened = async |executable: PathBuf| {
        let workers = Workers::new(WorkerSettings { count: 1, ..WorkerSettings::new(executable) });
        let extract = open(&workers, "a.docx", make::docx(), Vec::new()).await.expect("a worker");
        assert_eq!(extract.fault, None);
        workers.figures().refused.iter().collect::<Vec<_>>()
    };
    assert_eq!(opened(OCTROI.into()).await, []);
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = refusing(folder.path(), "seccomp:error=EINVAL") else { return };
    assert_eq!(opened(program).await, [Protection::Calls]);
}

#[tokio::test]
async fn a_worker_that_dies_before_it_speaks_says_nothing_of_its_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = refusing(folder.path(), "seccomp:error=EINVAL") else { return };
    // The first worker is one whose kernel refuses the filter; all later ones die at once.
    let path = folder.path().join("first");
    let (marker, program) = (folder.path().join("started"), program.display().to_string());
    let marker = marker.display();
    std::fs::write(&path, format!("#!/bin/sh\n[ -e {marker} ] && exit 1\n: > {marker}\nexec {program} \"$@\"\n"))
        .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let workers = Workers::new(WorkerSettings { count: 1, documents: 1, ..WorkerSettings::new(path) });
    for (file, fault) in [("a.docx", None), ("b.docx", Some(DocumentError::Crashed))] {
        let bytes = [make::docx(), file.into()].concat();
        assert_eq!(open(&workers, file, bytes, Vec::new()).await.expect("a worker").fault, fault);
        assert_eq!(workers.figures().refused.iter().collect::<Vec<_>>(), [Protection::Calls]);
    }
}

/// What a program behind the limits of a reader of pictures is told when it makes these calls: `0`, or the error.
fn told_in_perl(calls: &[&str]) -> Vec<String> {
    let calls = calls.iter().map(|call| format!("$! = 0; syscall({call}); print $! + 0, qq(\\n);")).collect::<String>();
    let script = format!("my $room = qq(\\0) x 16; my $limit = pack(qq(QQ), 1 << 20, 1 << 20); {calls}");
    let mut perl = Command::new(OCTROI);
    let perl = perl.args(["worker", "1073741824", "picture", "/usr/bin/perl", "-"]).env_clear();
    let mut perl = Ended(perl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    perl.0.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let mut output = Vec::new();
    perl.0.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
}

/// Numbers of calls are those of x86-64.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_reader_of_pictures_changes_no_limit_and_names_no_other_process() {
    if !Path::new("/usr/bin/perl").exists() {
        return skip("perl is not installed");
    }
    const X32: u32 = 0x4000_0000;
    let rows = [
        // prlimit64: to look at one's own limit, to change it, to look at or change another's.
        ("302, 0, 7, 0, $room".to_owned(), "0"),
        ("302, 0, 7, $limit, 0".to_owned(), "1"),
        ("302, getppid(), 7, 0, $room".to_owned(), "1"),
        ("302, getppid(), 7, $limit, 0".to_owned(), "1"),
        // setrlimit, setpriority, sched_setaffinity of another, process_madvise.
        ("160, 7, $limit".to_owned(), "1"),
        ("141, 0, getppid(), 10".to_owned(), "1"),
        ("203, getppid(), 16, $room".to_owned(), "1"),
        ("440, 3, $room, 1, 4, 0".to_owned(), "1"),
        // getpid, socket and kill by the numbers of x32.
        (format!("{}", X32 | 39), "1"),
        (format!("{}, 2, 1, 0", X32 | 41), "1"),
        (format!("{}, getppid(), 0", X32 | 62), "1"),
    ];
    let calls: Vec<&str> = rows.iter().map(|(call, _)| call.as_str()).collect();
    let told = told_in_perl(&calls);
    let expected: Vec<&str> = rows.iter().map(|(_, told)| *told).collect();
    assert_eq!(told, expected, "{calls:#?}");
}

/// Kills a worker that a test started.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// As the kernel sees it: each thread has the filters, none is outside.
#[test]
fn every_thread_of_a_worker_that_reads_has_the_filters() {
    let mut worker = Command::new(OCTROI);
    let worker = worker
        .arg("worker")
        .env_clear()
        .env("MIMALLOC_ARENA_RESERVE", "65536")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut worker = Ended(worker.spawn().unwrap());
    // Its first octet comes when both threads are there; it asks for a file then.
    let mut octet = [0xff];
    worker.0.stdout.as_mut().unwrap().read_exact(&mut octet).unwrap();
    assert_eq!(octet, [0]);
    worker.0.stdin.as_mut().unwrap().write_all(b"half").unwrap();
    let threads = std::fs::read_dir(format!("/proc/{}/task", worker.0.id())).unwrap();
    let states: Vec<String> = threads
        .map(|thread| {
            let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
            let told = |line: &&str| ["Seccomp:", "NoNewPrivs:"].iter().any(|name| line.starts_with(name));
            status.lines().filter(told).collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(states, ["NoNewPrivs:\t1 Seccomp:\t2"; 2]);
}
