//! `/sys/kernel/mm/transparent_hugepage`: the huge pages that the kernel makes by itself
//! (Documentation/admin-guide/mm/transhuge.rst).

use crate::{Error, read_text};

/// When a mapping gets huge pages: `always`, `madvise` or `never`.
pub const ENABLED: &str = "enabled";
/// When the kernel compacts memory to get one.
pub const DEFRAG: &str = "defrag";

/// The word that is chosen in setting `name`; none where none stands in brackets.
///
/// # Errors
/// ENOENT where the kernel has no transparent huge pages.
pub fn read(name: &str) -> Result<Option<String>, Error> {
    Ok(parse(&read_text(path(name))?).map(str::to_owned))
}

/// The file of setting `name`.
pub fn path(name: &str) -> String {
    format!("/sys/kernel/mm/transparent_hugepage/{name}")
}

/// The word in brackets: `always [madvise] never`.
pub fn parse(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0)
}

/// Bytes of the huge page that one entry of the middle page table maps, as the kernel says it; 2
/// MiB, the size on x86-64, where it says nothing.
pub fn size() -> u64 {
    let text = read_text(path("hpage_pmd_size"));
    text.ok()
        .and_then(|text| parse_size(&text))
        .unwrap_or(2 << 20)
}

/// Parses hpage_pmd_size; none where it is no size of a page. The largest is 512 MiB, on aarch64
/// with base pages of 64 KiB.
pub fn parse_size(text: &str) -> Option<u64> {
    let size = text.trim().parse::<u64>().ok();
    size.filter(|size| size.is_power_of_two() && (4096..=1 << 30).contains(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        assert_eq!(parse("always [madvise] never\n"), Some("madvise"));
        assert_eq!(parse("always madvise never\n"), None);
        assert_eq!(parse("[never"), None);
        assert_eq!(parse_size("2097152\n"), Some(2 << 20));
        for wrong in ["0\n", "-1", "3000000", "9223372036854775808", ""] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
        assert!(size().is_power_of_two());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)[\\[\\]a-z ]{0,40}") {
            parse(&text);
        }
    }
}
