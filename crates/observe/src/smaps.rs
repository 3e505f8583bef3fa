//! `/proc/PID/smaps`: how much of each mapping lies in memory (proc_pid_smaps(5)).

use crate::maps::{self, Mapping};
use crate::meminfo::kib;
use crate::{Error, read_bytes};

/// A mapping and what it uses, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The mapping.
    pub mapping: Mapping,
    /// Resident: pages of it that are in memory.
    pub rss: u64,
    /// Resident, each page divided by the number of processes that map it.
    pub pss: u64,
    /// Resident pages that no other process maps and that differ from the file or have none.
    pub private_dirty: u64,
    /// Resident anonymous memory, including pages copied on write.
    pub anonymous: u64,
    /// Anonymous memory in huge pages.
    pub anon_huge_pages: u64,
    /// Bytes swapped out.
    pub swap: u64,
    /// It grows down, as a stack does: the kernel keeps a gap free below it (`gd` of VmFlags).
    pub grows_down: bool,
    /// What madvise(2) was told about huge pages in it (`hg` and `nh` of VmFlags).
    pub huge_pages: HugePages,
}

/// What a mapping's flags say about huge pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HugePages {
    /// Nothing: the system's setting counts.
    #[default]
    AsSet,
    /// They are wanted: `MADV_HUGEPAGE`.
    Wanted,
    /// They are forbidden: `MADV_NOHUGEPAGE`.
    Forbidden,
}

/// Reads what the mappings of process `pid` use.
///
/// # Errors
/// EACCES or EPERM where ptrace access is denied, ENOENT or ESRCH where there is no such process.
pub fn read(pid: i32) -> Result<Vec<Usage>, Error> {
    read_bytes(format!("/proc/{pid}/smaps")).map(parse)
}

/// Parses the text of the file: a line as in maps, then `Key:  N kB` lines and one of flags that
/// belong to it. Unknown keys are skipped, missing ones are 0.
pub fn parse(text: impl AsRef<[u8]>) -> Vec<Usage> {
    let mut usages: Vec<Usage> = Vec::new();
    for line in maps::lines(text.as_ref()) {
        if let Some(mapping) = maps::line(line) {
            usages.push(Usage::new(mapping));
        } else if let (Some(usage), Ok(line)) = (usages.last_mut(), str::from_utf8(line)) {
            usage.set(line);
        }
    }
    usages
}

impl Usage {
    fn new(mapping: Mapping) -> Self {
        Usage {
            mapping,
            rss: 0,
            pss: 0,
            private_dirty: 0,
            anonymous: 0,
            anon_huge_pages: 0,
            swap: 0,
            grows_down: false,
            huge_pages: HugePages::AsSet,
        }
    }

    fn set(&mut self, line: &str) {
        let Some((key, value)) = line.split_once(':') else {
            return;
        };
        if key == "VmFlags" {
            for flag in value.split_ascii_whitespace() {
                match flag {
                    "gd" => self.grows_down = true,
                    "hg" => self.huge_pages = HugePages::Wanted,
                    "nh" => self.huge_pages = HugePages::Forbidden,
                    _ => {}
                }
            }
        }
        let Some(bytes) = kib(value) else {
            return;
        };
        match key {
            "Rss" => self.rss = bytes,
            "Pss" => self.pss = bytes,
            "Private_Dirty" => self.private_dirty = bytes,
            "Anonymous" => self.anonymous = bytes,
            "AnonHugePages" => self.anon_huge_pages = bytes,
            "Swap" => self.swap = bytes,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "\
7f10e4c00000-7f10e5000000 rw-p 00000000 00:00 0
Size:               4096 kB
KernelPageSize:        4 kB
Rss:                2052 kB
Pss:                2052 kB
Private_Dirty:      2052 kB
Anonymous:          2052 kB
AnonHugePages:      2048 kB
Swap:                  4 kB
THPeligible:           1
VmFlags: rd wr mr mw me ac sd nh
7ffd9a5e0000-7ffd9a601000 rw-p 00000000 00:00 0                          [stack]
Rss:                  12 kB
Pss:                  11 kB
VmFlags: rd wr mr mw me gd ac
";

    #[test]
    fn saved_text() {
        let usages = parse(TEXT);
        assert_eq!(usages.len(), 2);
        assert_eq!(usages[0].rss, 2052 * 1024);
        assert_eq!(usages[0].anon_huge_pages, 2 << 20);
        assert_eq!(usages[0].swap, 4096);
        assert_eq!(usages[1].mapping.path, "[stack]");
        assert_eq!((usages[1].rss, usages[1].pss), (12 * 1024, 11 * 1024));
        assert_eq!(usages[1].anonymous, 0, "a missing line is 0");
        assert_eq!((usages[0].grows_down, usages[1].grows_down), (false, true));
        assert_eq!(usages[0].huge_pages, HugePages::Forbidden);
        assert_eq!(usages[1].huge_pages, HugePages::AsSet);
    }

    #[test]
    fn a_path_may_end_with_a_carriage_return() {
        let text = "7f2a00000000-7f2a00021000 r--p 00000000 fe:00 7 /tmp/odd\r\nRss: 4 kB\n";
        let usage = &parse(text)[0];
        assert_eq!(
            (usage.mapping.path.to_str(), usage.rss),
            (Some("/tmp/odd\r"), 4096)
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "\\PC*", lines in "[-0-9a-f:rwxpsRsP kB\n]{0,200}") {
            parse(&text);
            parse(&lines);
        }
    }
}
