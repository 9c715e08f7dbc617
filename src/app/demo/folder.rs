// SPDX-License-Identifier: EUPL-1.2
//! A temporary folder that is removed when its value is dropped.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// A folder of nobody else's, removed with all that is in it when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one among the system's temporary files.
    ///
    /// # Errors
    /// The path that could not be made, and why.
    pub fn make() -> Result<Folder, (String, io::Error)> {
        let random: String = Uuid::new_v4().simple().to_string().chars().take(8).collect();
        let path = std::env::temp_dir().join(format!("octroi-demo-{random}"));
        // A folder that exists already is an error: it is not ours. Nobody else may look inside.
        match std::fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Folder(path)),
            Err(error) => Err((path.display().to_string(), error)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn settings(&self) -> PathBuf {
        self.0.join("octroi.toml")
    }

    /// The user octroi runs as: the owner of a folder it has just created.
    pub fn owner(&self) -> io::Result<u32> {
        Ok(std::fs::metadata(&self.0)?.uid())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::error!(%error, folder = %self.0.display(), "the demonstration's folder could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ours_alone_and_goes_with_its_value() {
        let folder = Folder::make().unwrap();
        let path = folder.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        std::fs::write(path.join("file"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
