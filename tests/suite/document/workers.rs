// SPDX-License-Identifier: EUPL-1.2
//! The processes: what kills them is a fault of the file, what keeps them from starting is ours.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use octroi::document::{DocumentError, Extract, kind_of};
use octroi::worker::{Extent, File, WorkerError, WorkerSettings, Workers};

use super::make::{self, all};
use super::mutations::{Dice, seeds};

fn workers(executable: impl Into<PathBuf>) -> Workers {
    Workers::new(WorkerSettings { count: 2, ..WorkerSettings::new(executable.into()) })
}

fn real() -> Workers {
    workers(env!("CARGO_BIN_EXE_octroi"))
}

/// All that may be told of a file.
pub async fn open(
    workers: &Workers,
    name: &str,
    bytes: impl Into<Bytes>,
    passwords: Vec<String>,
) -> Result<Arc<Extract>, WorkerError> {
    let file = File { name: name.into(), bytes: bytes.into(), passwords };
    workers.open(&file, Extent::WHOLE, Duration::MAX, |_, _| ()).await.map(|answer| answer.extract)
}

/// A program that stands in for a worker.
fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("stand-in");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("write");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
    path
}

#[tokio::test]
async fn a_worker_reads_like_the_library() {
    let workers = real();
    for bytes in [make::docx(), make::pdf_bytes(&["BT /F1 9 Tf (x) Tj ET"]), make::sevenz(None), make::rtf()] {
        let extract = open(&workers, "file", bytes.clone(), Vec::new()).await.expect("a worker");
        assert_eq!(*extract, make::read(&bytes));
    }
    let opened = open(&workers, "file", make::sevenz(Some("right")), vec!["right".into()]).await.expect("a worker");
    assert!(all(&opened).contains("in archive"));
}

#[tokio::test]
async fn the_same_file_is_read_once() {
    let workers = real();
    let bytes = Bytes::from(make::docx());
    let (first, second) = tokio::join!(
        open(&workers, "one", bytes.clone(), Vec::new()),
        open(&workers, "one", bytes.clone(), Vec::new()),
    );
    assert!(Arc::ptr_eq(&first.expect("first"), &second.expect("second")));
    let renamed = open(&workers, "two", bytes, Vec::new()).await.expect("third");
    assert_eq!(renamed.name, "two");
}

#[tokio::test]
async fn a_worker_that_dies_twice_on_a_file_makes_it_crashed() {
    let folder = tempfile::tempdir().expect("folder");
    let log = folder.path().join("starts");
    let workers = workers(script(folder.path(), &format!("echo x >> {}; exit 1", log.display())));
    let bytes = Bytes::from_static(b"%PDF-1.4 hostile");
    for _ in 0..3 {
        let extract = open(&workers, "a.pdf", bytes.clone(), Vec::new()).await.expect("the file's fault, not ours");
        assert_eq!((extract.fault, extract.kind.as_str()), (Some(DocumentError::Crashed), "pdf"));
    }
    let starts = std::fs::read_to_string(log).expect("log");
    assert_eq!(starts.lines().count(), 2, "two tries, then the hash is remembered");
}

#[tokio::test]
async fn a_worker_that_answers_nonsense_is_not_believed() {
    let folder = tempfile::tempdir().expect("folder");
    let workers = workers(script(folder.path(), "exec /bin/cat"));
    let extract = open(&workers, "a", Bytes::from_static(b"text"), Vec::new()).await.expect("answered");
    assert_eq!(extract.fault, Some(DocumentError::Crashed));
}

#[tokio::test]
async fn a_worker_that_hangs_is_killed_and_the_file_over_budget() {
    let folder = tempfile::tempdir().expect("folder");
    let executable = script(folder.path(), "exec /bin/sleep 600");
    let workers = Workers::new(WorkerSettings {
        count: 1,
        deadline: Duration::from_millis(200),
        ..WorkerSettings::new(executable)
    });
    let extract = open(&workers, "a", Bytes::from_static(b"slow"), Vec::new()).await.expect("killed");
    assert_eq!(extract.fault, Some(DocumentError::Budget));
}

#[tokio::test]
async fn a_quick_look_that_takes_too_long_asks_for_a_longer_one() {
    let folder = tempfile::tempdir().expect("folder");
    let log = folder.path().join("starts");
    let executable = script(folder.path(), &format!("echo x >> {}; exec /bin/sleep 600", log.display()));
    let workers = Workers::new(WorkerSettings {
        count: 2,
        deadline: Duration::from_millis(200),
        ..WorkerSettings::new(executable)
    });
    let file = File { name: "a".into(), bytes: Bytes::from_static(b"slow"), passwords: Vec::new() };
    for (extent, has_more, starts) in [
        (Extent::quick(1 << 20), true, 1),
        (Extent::quick(1 << 20), true, 1),
        (Extent::long(1 << 20), false, 3),
        (Extent::long(1 << 20), false, 3),
    ] {
        let answer = workers.open(&file, extent, Duration::MAX, |_, _| ()).await.expect("killed");
        assert_eq!((answer.extract.fault, answer.has_more), (Some(DocumentError::Budget), has_more));
        assert_eq!(std::fs::read_to_string(&log).expect("log").lines().count(), starts, "{extent:?}");
    }
}

#[tokio::test]
async fn what_may_take_long_leaves_a_worker_to_the_quick() {
    let folder = tempfile::tempdir().expect("folder");
    let marker = folder.path().join("started");
    // The first worker never answers; others are real.
    let text = format!(
        "[ -e {0} ] && exec {1} \"$@\"\n: > {0}\nexec /bin/sleep 600",
        marker.display(),
        env!("CARGO_BIN_EXE_octroi")
    );
    let executable = script(folder.path(), &text);
    let settings = WorkerSettings { count: 2, deadline: Duration::from_secs(600), ..WorkerSettings::new(executable) };
    let workers = Arc::new(Workers::new(settings));
    let ask = |bytes: &[u8], extent| {
        let file = File { name: "a".into(), bytes: Bytes::copy_from_slice(bytes), passwords: Vec::new() };
        let workers = workers.clone();
        tokio::spawn(async move { workers.open(&file, extent, Duration::MAX, |_, _| ()).await })
    };
    let slow = [ask(b"slow", Extent::WHOLE), ask(b"slow as well", Extent::WHOLE)];
    while !marker.exists() {
        tokio::task::yield_now().await;
    }
    let quick = ask(&make::docx(), Extent::quick(1 << 20)).await.expect("task").expect("a worker");
    assert_eq!(quick.extract.fault, None);
    assert!(slow.iter().all(|slow| !slow.is_finished()));
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A full pool says nothing of the file: whoever asks has another cause than that the file took too long.
#[tokio::test]
async fn who_finds_no_worker_in_time_is_told_so() {
    let folder = tempfile::tempdir().expect("folder");
    let marker = folder.path().join("started");
    let executable = script(folder.path(), &format!(": > {}\nexec /bin/sleep 600", marker.display()));
    const LONG: Duration = Duration::from_secs(600);
    let settings = WorkerSettings { count: 1, deadline: LONG, timeout: LONG, ..WorkerSettings::new(executable) };
    let workers = Arc::new(Workers::new(settings));
    let ask = |bytes: &'static [u8], patience| {
        let (workers, file) =
            (workers.clone(), File { name: "a".into(), bytes: Bytes::from_static(bytes), passwords: Vec::new() });
        tokio::spawn(async move { workers.open(&file, Extent::WHOLE, patience, |_, _| ()).await })
    };
    let slow = ask(b"slow", LONG);
    while !marker.exists() {
        tokio::task::yield_now().await;
    }
    // One waits for long; who asks for the same file waits no longer than it likes.
    let patient = ask(b"other", LONG);
    for bytes in [&b"third"[..], b"other"] {
        // A minute guards against waiting for ever.
        let asked = ask(bytes, Duration::from_millis(50));
        let asked = tokio::time::timeout(LONG / 10, asked).await.expect("in time").expect("task");
        assert!(matches!(asked, Err(WorkerError::Busy)), "{asked:?}");
    }
    // Where a worker has the file already, its answer is waited for.
    let same = ask(b"slow", Duration::from_millis(50));
    let turned_away = ask(b"third", Duration::from_millis(100)).await.expect("task");
    assert!(matches!(turned_away, Err(WorkerError::Busy)));
    assert!(!same.is_finished());
    [slow, patient, same].iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn pictures_without_memory_are_left_unread_and_not_remembered_so() {
    let workers = Workers::new(WorkerSettings {
        count: 1,
        picture_bytes: 1 << 10,
        pictures: Duration::from_secs(60),
        ..WorkerSettings::new(env!("CARGO_BIN_EXE_octroi").into())
    });
    let scan = super::matrix::made("scan.png");
    assert!(scan.len() > 1 << 10);
    let extract = open(&workers, "scan.png", scan, Vec::new()).await.expect("a worker");
    assert!(extract.properties.contains(&("ocr".into(), "unread".into())), "{:?}", extract.properties);
    assert!(extract.pictures.is_empty());
    // With memory, another try reads more of the same.
    workers.resize(1 << 20, 64 << 20);
    let extract = open(&workers, "scan.png", super::matrix::made("scan.png"), Vec::new()).await.expect("a worker");
    assert!(!extract.properties.contains(&("ocr".into(), "unread".into())), "{:?}", extract.properties);
}

#[tokio::test]
async fn a_worker_has_the_memory_that_the_settings_give_it() {
    let executable = env!("CARGO_BIN_EXE_octroi").into();
    let workers = Workers::new(WorkerSettings { count: 1, memory: 300 << 20, ..WorkerSettings::new(executable) });
    open(&workers, "a", make::docx(), Vec::new()).await.expect("a worker");
    let children = std::fs::read_dir("/proc/self/task").expect("Linux").filter_map(|task| {
        let list = std::fs::read_to_string(task.ok()?.path().join("children")).ok()?;
        Some(list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    });
    let limits = children.flatten().filter_map(|child| std::fs::read_to_string(format!("/proc/{child}/limits")).ok());
    let given = limits.filter(|limits| {
        let line = limits.lines().find(|line| line.starts_with("Max address space")).unwrap_or_default();
        line.split_whitespace().filter(|word| *word == "314572800").count() == 2
    });
    assert_eq!(given.count(), 1);
}

#[test]
fn a_worker_outlives_the_thread_that_asked_for_it() {
    // Threads that block end as soon as they are idle.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_keep_alive(Duration::ZERO)
        .enable_all()
        .build()
        .expect("runtime");
    let workers = Arc::new(workers(env!("CARGO_BIN_EXE_octroi")));
    let (handle, asking) = (runtime.handle().clone(), workers.clone());
    let asked = runtime.handle().spawn_blocking(move || {
        handle.block_on(open(&asking, "a", make::docx(), Vec::new())).expect("a worker");
        std::fs::read_link("/proc/thread-self").expect("Linux")
    });
    let thread = Path::new("/proc").join(runtime.block_on(asked).expect("opened"));
    while thread.exists() {
        std::thread::yield_now();
    }
    let bytes = [make::docx(), b" ".to_vec()].concat();
    runtime.block_on(open(&workers, "b", bytes, Vec::new())).expect("a worker");
    assert_eq!(workers.figures().kills, 0);
}

#[tokio::test]
async fn no_executable_is_our_fault() {
    let outcome = open(&workers("/nonexistent/octroi"), "a", Bytes::from_static(b"x"), Vec::new()).await;
    assert!(matches!(outcome, Err(WorkerError::Start(_))));
}

#[tokio::test]
async fn a_bomb_leaves_the_pool_alive() {
    let workers = real();
    // 2 GB of zeros in three layers of gzip, some kilobytes.
    let layer = make::gz(&vec![0; 64 << 20]);
    let bomb = make::gz(&layer.repeat(32));
    let extract = open(&workers, "bomb.gz", bomb, Vec::new()).await.expect("a worker");
    assert!(extract.faults().iter().any(|(_, fault)| *fault == DocumentError::Budget), "{:?}", extract.faults());
    let after = open(&workers, "note.docx", make::docx(), Vec::new()).await.expect("a worker");
    assert_eq!(after.fault, None);
}

#[tokio::test]
async fn mutants_never_cost_more_than_a_worker() {
    let workers = real();
    let seeds = seeds();
    let mut dice = Dice(0x0C_7202);
    for round in 0..500 {
        let other = &seeds[dice.below(seeds.len())];
        let mutant = dice.mutate(&seeds[round % seeds.len()], other);
        let size = mutant.len() as u64;
        let extract = open(&workers, "mutant", mutant, Vec::new()).await.expect("never our fault");
        assert_eq!(extract.size, size);
    }
    let after = open(&workers, "note.docx", make::docx(), Vec::new()).await.expect("a worker");
    assert_eq!(after.fault, None);
}

/// Ten thousand mutants of each format, with figures. `OCTROI_PROGRAM` names another build for the workers,
/// `OCTROI_MUTANTS` another number.
#[tokio::test]
#[ignore = "minutes; tests/run --all runs it, and a part goes through above"]
async fn ten_thousand_mutants_of_each_format() {
    let number = std::env::var("OCTROI_MUTANTS").map_or(10_000, |number| number.parse().expect("a number"));
    let executable = std::env::var("OCTROI_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_octroi").into());
    let settings = WorkerSettings { count: 2, pictures: Duration::ZERO, ..WorkerSettings::new(executable.into()) };
    let workers = Arc::new(Workers::new(settings));
    let seeds = seeds();
    let mut formats = std::collections::BTreeMap::<_, Vec<_>>::new();
    for seed in &seeds {
        formats.entry(kind_of(seed)).or_default().push(seed);
    }
    println!("| format | mutants | whole | broken | over budget | crashed | slowest | largest worker |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (format, own) in formats {
        let (mut dice, mut slowest, mut peak) = (Dice(0x0C_7203), Duration::ZERO, 0);
        let (mut whole, mut broken, mut over, mut crashed) = (0, 0, 0, 0);
        for round in 0..number {
            let other = &seeds[dice.below(seeds.len())];
            let mutant = dice.mutate(own[round % own.len()], other);
            let (size, began) = (mutant.len() as u64, std::time::Instant::now());
            let extract = open(&workers, "mutant", mutant, Vec::new()).await.expect("never our fault");
            slowest = slowest.max(began.elapsed());
            assert_eq!(extract.size, size);
            let faults: Vec<_> = extract.faults().into_iter().map(|(_, fault)| fault).collect();
            match faults.first() {
                _ if faults.contains(&DocumentError::Crashed) => crashed += 1,
                _ if faults.contains(&DocumentError::Budget) => over += 1,
                None => whole += 1,
                Some(_) => broken += 1,
            }
            // A worker tells the most it ever had.
            if round % 100 == 99 {
                peak = peak.max(workers_peak());
            }
        }
        let (slowest, peak) = (slowest.as_millis(), peak >> 10);
        println!("| {format} | {number} | {whole} | {broken} | {over} | {crashed} | {slowest} ms | {peak} MiB |");
        assert!(peak < 1 << 10, "the address space of a worker is 1 GiB");
    }
    let after = open(&workers, "note.docx", make::docx(), Vec::new()).await.expect("a worker");
    assert_eq!(after.fault, None);
}

/// The most memory that a process of ours, still alive, has ever held, KiB.
fn workers_peak() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let peaks = children.flat_map(|list| list.split_whitespace().filter_map(peak_of).collect::<Vec<_>>());
    peaks.max().unwrap_or(0)
}

fn peak_of(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
