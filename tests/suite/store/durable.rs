// SPDX-License-Identifier: EUPL-1.2
//! Decision D13 as the kernel saw it: blob, directory, row, and only then the answer.

use std::io::Write;
use std::process::Command;

use super::*;

const FOLDER: &str = "OCTROI_TEST_TRACED_FOLDER";

#[test]
fn blob_directory_row_reply_in_this_order() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let traced = Command::new("strace")
        .args(["-f", "-y", "-s", "64", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2,write,pwrite64", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "store::durable::traced_child", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output();
    let refused = match traced {
        Err(error) => Some(error.to_string()),
        Ok(done) if !done.status.success() && std::fs::metadata(&trace).map_or(0, |m| m.len()) == 0 => {
            Some(String::from_utf8_lossy(&done.stderr).into_owned())
        }
        Ok(done) => {
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            None
        }
    };
    if let Some(why) = refused {
        return crate::skip::skip(&format!("strace does not run here: {why}"));
    }
    let trace = std::fs::read_to_string(trace).unwrap();
    let lines: Vec<&str> = trace.lines().skip_while(|line| !line.contains("OCTROI-BEGIN")).collect();
    let mut rest = &lines[..];
    for (what, is) in [
        ("the blob is written", (|l| l.contains("write(") && l.contains(".new>")) as fn(&str) -> bool),
        ("the blob is synced", |l| l.contains("sync(") && l.contains(".new>")),
        ("the blob gets its name", |l| l.contains("rename") && l.contains(".new")),
        ("the directory is synced", |l| l.contains("fsync(") && l.contains("/blobs>")),
        ("the row is written", |l| l.contains("pwrite64(") && l.contains("octroi.db-wal>")),
        ("the row is synced", |l| l.contains("sync(") && l.contains("octroi.db-wal>")),
        ("the caller hears of it", |l| l.contains("OCTROI-KEPT")),
    ] {
        let at = rest.iter().position(|line| is(line));
        let at = at.unwrap_or_else(|| panic!("{what}: not after what came before in\n{}", lines.join("\n")));
        rest = &rest[at + 1..];
    }
    let early = lines.iter().take_while(|l| !(l.contains("fsync(") && l.contains("/blobs>")));
    assert!(!early.clone().any(|l| l.contains("octroi.db-wal>")), "no row before the directory");
}

#[tokio::test]
#[ignore = "run by blob_directory_row_reply_in_this_order, under strace"]
async fn traced_child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = open(Path::new(&folder)).await.unwrap();
    let mail = mail("M1", &["a@home.example"]);
    std::io::stderr().write_all(b"OCTROI-BEGIN\n").unwrap();
    store.keep(&all_held(&mail)).await.unwrap();
    std::io::stderr().write_all(b"OCTROI-KEPT\n").unwrap();
}

#[tokio::test]
async fn nobody_else_reads_the_database() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    for file in
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
    {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
    store.close().await.unwrap();
}
