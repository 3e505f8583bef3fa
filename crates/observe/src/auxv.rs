//! `/proc/PID/auxv`: the auxiliary vector that the kernel gave a program (proc_pid_auxv(5),
//! getauxval(3)): pairs of a key and a value in words as wide as the program's addresses.

use crate::error::read_bytes;
use crate::{Error, machine};

/// The key of the pair that has the size of a page (elf.h).
const AT_PAGESZ: u64 = 6;

/// Bytes of a word in the auxiliary vector of process `pid`: 4 or 8.
///
/// # Errors
/// EACCES or EPERM where ptrace access is denied, ENOENT where no such process exists; ENODATA
/// where the vector is empty or not understood.
pub fn read_word_size(pid: i32) -> Result<usize, Error> {
    let path = format!("/proc/{pid}/auxv");
    let size = parse_word_size(&read_bytes(&path)?, machine::read().page_size as u64);
    size.ok_or_else(|| Error::no_data(format!("find AT_PAGESZ in {path}")))
}

/// Finds the width by the pair AT_PAGESZ, whose value is `page`: read in words of the wrong width,
/// that pair falls apart.
pub fn parse_word_size(vector: &[u8], page: u64) -> Option<usize> {
    let (wide, _) = vector.as_chunks::<8>();
    let (narrow, _) = vector.as_chunks::<4>();
    let wide: Vec<u64> = wide.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    let narrow = narrow.iter().map(|word| u32::from_ne_bytes(*word).into());
    let narrow: Vec<u64> = narrow.collect();
    let has_page = |words: &[u64]| words.chunks(2).any(|pair| pair == [AT_PAGESZ, page]);
    match (has_page(&narrow), has_page(&wide)) {
        (true, false) => Some(4),
        (false, true) => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// AT_SYSINFO_EHDR, AT_PAGESZ, AT_UID 0, AT_NULL.
    const PAIRS: [(u64, u64); 4] = [(33, 0xf7f4_6000), (6, 4096), (11, 0), (0, 0)];

    #[test]
    fn saved_vectors() {
        let words = || PAIRS.into_iter().flat_map(|(key, value)| [key, value]);
        let wide: Vec<u8> = words().flat_map(u64::to_ne_bytes).collect();
        let narrow: Vec<u8> = words()
            .flat_map(|word| (word as u32).to_ne_bytes())
            .collect();
        assert_eq!(parse_word_size(&wide, 4096), Some(8));
        assert_eq!(parse_word_size(&narrow, 4096), Some(4));
        assert_eq!(
            parse_word_size(&narrow[..8], 4096),
            None,
            "no page size in it"
        );
        assert_eq!(parse_word_size(b"", 4096), None);
    }

    #[test]
    fn this_process_has_words_of_its_own_width() {
        let own = std::process::id() as i32;
        assert_eq!(read_word_size(own), Ok(size_of::<usize>()));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            parse_word_size(&bytes, 4096);
        }
    }
}
