//! Chromium without a window: what it makes of a page.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::temporary;

/// Seconds that it may take. One page takes about two; on a machine that is busy many more.
const LIMIT: &str = "240";

/// A browser with a folder of its own, which goes with it.
pub struct Chromium {
    program: PathBuf,
    pub folder: PathBuf,
}

impl Chromium {
    /// The one that is installed; none where none is.
    pub fn find(name: &str) -> Option<Chromium> {
        let path = std::env::var_os("PATH")?;
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let mut programs =
            std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
        let program = programs.find(|program| program.is_file())?;
        let folder = format!("witness-page-{name}-{}", std::process::id());
        let folder = temporary::folder().join(folder);
        fs::create_dir(&folder).expect("a folder of our own");
        Some(Chromium { program, folder })
    }

    /// Opens `page` and returns the document as it is then (standard output), and the messages of
    /// its console among others (standard error). None where it did not come to an end in time, or
    /// does not run here, as under a filter on its system calls: then it prints no document.
    pub fn open(&self, page: &Path, is_dark: bool) -> Option<Output> {
        let theme = if is_dark { 0 } else { 1 };
        let output = self
            .command(&format!("profile-{theme}"))
            .arg(format!("--blink-settings=preferredColorScheme={theme}"))
            .args([
                "--virtual-time-budget=600000",
                "--window-size=1700,1000",
                "--dump-dom",
            ])
            .arg(format!("file://{}", page.display()))
            .output()
            .expect("timeout(1) runs");
        // 124 and 137: the time was up.
        let in_time = !matches!(output.status.code(), Some(124 | 137) | None);
        (in_time && !output.stdout.is_empty()).then_some(output)
    }

    /// Prints `page` and returns the PDF; none where [`Chromium::open`] returns none.
    pub fn print(&self, page: &Path) -> Option<Vec<u8>> {
        let paper = self.folder.join("page.pdf");
        let status = self
            .command("profile-print")
            .arg("--no-pdf-header-footer")
            .arg(format!("--print-to-pdf={}", paper.display()))
            .arg(format!("file://{}", page.display()))
            .output()
            .expect("timeout(1) runs");
        status.status.code()?;
        fs::read(paper).ok()
    }

    fn command(&self, profile: &str) -> Command {
        let profile = self.folder.join(profile);
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", LIMIT])
            .arg(&self.program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--no-first-run",
                "--disable-extensions",
                "--disable-component-update",
            ])
            .args(["--disable-background-networking", "--enable-logging=stderr"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .env("HOME", &self.folder)
            .env("TMPDIR", &self.folder)
            .env_remove("DBUS_SESSION_BUS_ADDRESS");
        command
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
