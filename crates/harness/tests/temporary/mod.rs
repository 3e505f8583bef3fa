//! Where a test puts its files: a folder for temporary files may be full or read-only.

use std::fs;
use std::path::{Path, PathBuf};

/// As many bytes are tried: enough for pages, traces and small programs.
const ROOM: usize = 1 << 20;

/// The first folder that takes a file: TMPDIR, else /tmp; then what else every Linux has (hier(7)).
pub fn folder() -> PathBuf {
    let folders = [std::env::temp_dir(), "/var/tmp".into(), "/dev/shm".into()];
    // Where none does, the test's own first file says so.
    let found = folders.into_iter().find(|folder| has_room(folder));
    found.unwrap_or_else(std::env::temp_dir)
}

fn has_room(folder: &Path) -> bool {
    let thread = std::thread::current().id();
    let probe = folder.join(format!("room-{}-{thread:?}", std::process::id()));
    let written = fs::write(&probe, vec![0; ROOM]);
    let _ = fs::remove_file(&probe);
    written.is_ok()
}
