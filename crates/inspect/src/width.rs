//! How wide the addresses of a process are, and where its user space ends.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result, bail};
use serde::Serialize;

/// The class of the program that a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Width {
    /// ELFCLASS32: i386, x32, 32-bit ARM.
    Bits32,
    /// ELFCLASS64.
    Bits64,
}

/// elf.h: EI_CLASS, the class's index in the first bytes of an ELF file, and its values.
const EI_CLASS: usize = 4;
const ELFCLASS32: u8 = 1;
const ELFCLASS64: u8 = 2;

/// linux/personality.h: 32-bit addresses end at 3 GiB.
const ADDR_LIMIT_3GB: u32 = 0x0800_0000;

impl Width {
    /// That of process `pid`: the class of its program's file, and where that is gone or may not be read,
    /// the size of the words in its auxiliary vector.
    ///
    /// # Errors
    /// Neither /proc/PID/exe nor /proc/PID/auxv can be read and understood.
    pub fn of(pid: i32) -> Result<Width> {
        of_program(pid).or_else(|program| {
            let path = format!("/proc/{pid}/auxv");
            let vector = std::fs::read(&path)
                .with_context(|| format!("{program:#}, and read {path} failed"))?;
            let page = observe::machine::this().page_size as u64;
            of_vector(&vector, page)
                .with_context(|| format!("{program:#}, and {path} is not understood"))
        })
    }

    /// Bits of an address.
    pub fn bits(self) -> u8 {
        match self {
            Width::Bits32 => 32,
            Width::Bits64 => 64,
        }
    }

    /// The first address behind user space, under a 64-bit kernel with page tables of four levels.
    ///
    /// x86-64, asm/page_64_types.h: IA32_PAGE_OFFSET is 4 GiB less two pages, or 3 GiB by personality(2);
    /// 64-bit addresses end a page below 2^47 (DEFAULT_MAP_WINDOW). aarch64, asm/processor.h: TASK_SIZE_32 is
    /// 4 GiB less a page, and 64-bit addresses have 48 bits.
    pub fn end_of_user_space(self, pid: i32) -> u64 {
        const ARM: bool = cfg!(target_arch = "aarch64");
        let page = observe::machine::this().page_size as u64;
        match self {
            Width::Bits64 if ARM => 1 << 48,
            Width::Bits64 => (1 << 47) - 4096,
            Width::Bits32 if ARM => (1 << 32) - page,
            Width::Bits32 if ends_at_3_gib(pid) => 3 << 30,
            Width::Bits32 => (1 << 32) - 2 * 4096,
        }
    }
}

/// The class in the first bytes of the program's file.
fn of_program(pid: i32) -> Result<Width> {
    let path = format!("/proc/{pid}/exe");
    let mut ident = [0; EI_CLASS + 1];
    File::open(&path)
        .and_then(|mut file| file.read_exact(&mut ident))
        .with_context(|| format!("read {path}"))?;
    match ident {
        [0x7f, b'E', b'L', b'F', ELFCLASS32] => Ok(Width::Bits32),
        [0x7f, b'E', b'L', b'F', ELFCLASS64] => Ok(Width::Bits64),
        _ => bail!("{path} does not begin as an ELF file"),
    }
}

/// The width of the words of an auxiliary vector (getauxval(3)): pairs of a key and a value, among them
/// AT_PAGESZ with the size of a page. Read in words of the wrong width, that pair falls apart.
fn of_vector(vector: &[u8], page: u64) -> Option<Width> {
    const AT_PAGESZ: u64 = 6;
    let (wide, _) = vector.as_chunks::<8>();
    let (narrow, _) = vector.as_chunks::<4>();
    let wide: Vec<u64> = wide.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    let narrow = narrow.iter().map(|word| u32::from_ne_bytes(*word).into());
    let narrow: Vec<u64> = narrow.collect();
    let has_page = |words: &[u64]| words.chunks(2).any(|pair| pair == [AT_PAGESZ, page]);
    match (has_page(&narrow), has_page(&wide)) {
        (true, false) => Some(Width::Bits32),
        (false, true) => Some(Width::Bits64),
        _ => None,
    }
}

/// Whether the process was started with the personality for it; one that may not be read is taken for
/// the ordinary one.
fn ends_at_3_gib(pid: i32) -> bool {
    let text = observe::read(format!("/proc/{pid}/personality")).unwrap_or_default();
    u32::from_str_radix(text.trim(), 16).is_ok_and(|flags| flags & ADDR_LIMIT_3GB != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AT_SYSINFO_EHDR, AT_PAGESZ, AT_UID 0, AT_NULL.
    const KEYS: [(u64, u64); 4] = [(33, 0xf7f4_6000), (6, 4096), (11, 0), (0, 0)];

    #[test]
    fn the_words_of_a_vector_tell_its_width() {
        let words = || KEYS.into_iter().flat_map(|(key, value)| [key, value]);
        let wide: Vec<u8> = words().flat_map(u64::to_ne_bytes).collect();
        let narrow: Vec<u8> = words()
            .flat_map(|word| (word as u32).to_ne_bytes())
            .collect();
        assert_eq!(of_vector(&wide, 4096), Some(Width::Bits64));
        assert_eq!(of_vector(&narrow, 4096), Some(Width::Bits32));
        assert_eq!(of_vector(&narrow[..8], 4096), None, "no page size in it");
        assert_eq!(of_vector(b"", 4096), None);
    }

    #[test]
    fn this_process_tells_the_same_by_both() {
        let own = std::process::id() as i32;
        let vector = std::fs::read("/proc/self/auxv").unwrap();
        let page = observe::machine::this().page_size as u64;
        assert_eq!(u32::from(of_program(own).unwrap().bits()), usize::BITS);
        assert_eq!(of_vector(&vector, page), of_program(own).ok());
    }
}
