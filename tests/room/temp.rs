//! A folder for the files of one test, empty at its start and gone at its end. What outlives a run, for
//! example in a `static`, is removed by the next one.

use std::path::{Path, PathBuf};

/// The folder. Dropping it removes it.
pub(crate) struct Temp(PathBuf);

impl Temp {
    pub(crate) fn new(name: &str) -> Temp {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _absent = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Temp(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0); // what is left lies below `target/`
    }
}
