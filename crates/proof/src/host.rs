//! What a trial must leave as it was: the settings, mounts and links of the host.
//!
//! A port is not among them: it is gone with the last process that has its socket, and no process
//! may be left.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The script that prints the settings of the host, a line each.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/host-settings");

/// The state of the host at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    lines: BTreeSet<String>,
}

impl Host {
    /// Reads the state: what `scripts/host-settings` prints.
    ///
    /// # Errors
    /// The script is not there or cannot read /proc/sys.
    pub fn read() -> Result<Host> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the list of settings is a script"
        )]
        let output = Command::new(SCRIPT).output().context(SCRIPT)?;
        ensure!(output.status.success(), "{SCRIPT}: {}", output.status);
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().map(str::to_owned).collect();
        Ok(Host { lines })
    }

    /// What is different since `before`, a line each: `-` what is gone, `+` what is new.
    pub fn changes_since(&self, before: &Host) -> Vec<String> {
        let gone = before.lines.difference(&self.lines);
        let new = self.lines.difference(&before.lines);
        gone.map(|line| format!("- {line}"))
            .chain(new.map(|line| format!("+ {line}")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_both_ways() {
        let host = |lines: &[&str]| Host {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        let before = host(&["/proc/sys/net/core/somaxconn:4096", "mount: 22 /proc"]);
        let after = host(&["/proc/sys/net/core/somaxconn:64", "mount: 22 /proc"]);
        let told = [
            "- /proc/sys/net/core/somaxconn:4096",
            "+ /proc/sys/net/core/somaxconn:64",
        ];
        assert_eq!(after.changes_since(&before), told);
        assert!(before.changes_since(&before).is_empty());
    }
}
