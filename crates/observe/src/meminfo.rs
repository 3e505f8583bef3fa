//! `/proc/meminfo`: the machine's memory (proc_meminfo(5)).

use crate::{Error, read_text};

/// The lines that are read, sizes in bytes; those missing from the text are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemInfo {
    /// MemAvailable: what programs could have without swapping.
    pub available: Option<u64>,
    /// AnonPages: memory of programs that no file holds.
    pub anon_pages: Option<u64>,
    /// AnonHugePages: memory in transparent huge pages.
    pub anon_huge_pages: Option<u64>,
    /// Hugepagesize: bytes of one huge page.
    pub huge_page_size: Option<u64>,
    /// HugePages_Total: reserved huge pages, as a number.
    pub huge_pages_reserved: Option<u64>,
    /// HugePages_Free: of these free, as a number.
    pub huge_pages_free: Option<u64>,
}

/// Reads the machine's memory.
///
/// # Errors
/// That of reading /proc/meminfo.
pub fn read() -> Result<MemInfo, Error> {
    read_text("/proc/meminfo").map(|text| parse(&text))
}

/// Parses the text of the file.
pub fn parse(text: &str) -> MemInfo {
    let mut info = MemInfo::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        match key {
            "MemAvailable" => info.available = kib(value),
            "AnonPages" => info.anon_pages = kib(value),
            "AnonHugePages" => info.anon_huge_pages = kib(value),
            "Hugepagesize" => info.huge_page_size = kib(value),
            "HugePages_Total" => info.huge_pages_reserved = value.trim().parse().ok(),
            "HugePages_Free" => info.huge_pages_free = value.trim().parse().ok(),
            _ => {}
        }
    }
    info
}

/// `   4 kB`, as proc(5) writes sizes, in bytes.
pub(crate) fn kib(value: &str) -> Option<u64> {
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        let text = "MemTotal:       24684084 kB\nMemFree:  1 kB\nMemAvailable:   24355500 kB\n\
            AnonPages:             8 kB\nAnonHugePages:    430080 kB\n\
            HugePages_Total:       3\nHugePages_Free:        2\nHugepagesize:       2048 kB\n";
        let expected = MemInfo {
            available: Some(24_355_500 * 1024),
            anon_pages: Some(8 * 1024),
            anon_huge_pages: Some(430_080 * 1024),
            huge_page_size: Some(2 << 20),
            huge_pages_reserved: Some(3),
            huge_pages_free: Some(2),
        };
        assert_eq!(parse(text), expected);
        assert_eq!(parse("MemAvailable: many kB\n"), MemInfo::default());
        assert!(read().unwrap().available.is_some());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)((MemAvailable|HugePages_Free):)?.{0,200}") {
            parse(&text);
        }
    }
}
