//! A folder of this machine: who may look into it, and what is left behind by a crash.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where files are while they are written, in the folder itself so that a rename can move them.
const PARTIAL: &str = ".partial";

/// What was being written longer ago is nobody's any more.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A folder that is there, and that its owner alone can look into if it was made here.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        let folder = Self(path.to_owned());
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder.partial())?;
        Ok(folder)
    }

    /// The folder of files that are not complete.
    pub(super) fn partial(&self) -> PathBuf {
        self.0.join(PARTIAL)
    }

    /// Waits until a file's new name is on the disk: the file itself is by then.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// Removes what a writer that was killed has left. To be called after a file was written: the
    /// time of that is what age is counted from.
    pub(super) fn sweep(&self) -> io::Result<()> {
        let now = fs::metadata(self.partial())?.modified()?;
        for entry in fs::read_dir(self.partial())? {
            let entry = entry?;
            let age = now.duration_since(entry.metadata()?.modified()?).unwrap_or_default();
            if age >= ABANDONED {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}
