//! How wide the addresses of a process are, and where its user space ends.

use super::Error;
use observe::personality::{self, ADDR_LIMIT_3GB};
use observe::program::{self, ElfClass};

/// The class of the program that a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// ELFCLASS32: i386, x32, 32-bit ARM.
    Bits32,
    /// ELFCLASS64.
    Bits64,
}

impl Width {
    /// Reads the width of process `pid`: the class of its program's file or, where that may not be
    /// read, the size of the words in its auxiliary vector.
    pub fn read(pid: i32) -> Result<Width, Error> {
        match program::read_class(pid) {
            Ok(ElfClass::Bits32) => Ok(Width::Bits32),
            Ok(ElfClass::Bits64) => Ok(Width::Bits64),
            Err(program) => match observe::auxv::read_word_size(pid) {
                Ok(4) => Ok(Width::Bits32),
                Ok(_) => Ok(Width::Bits64),
                Err(vector) => Err(Error::UnknownWidth {
                    program: Box::new(program),
                    vector,
                }),
            },
        }
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
    /// x86-64, asm/page_64_types.h: IA32_PAGE_OFFSET is 4 GiB less two pages, or 3 GiB by
    /// personality(2); 64-bit addresses end a page below 2^47 (DEFAULT_MAP_WINDOW). aarch64,
    /// asm/processor.h: TASK_SIZE_32 is 4 GiB less a page, and 64-bit addresses have 48 bits.
    pub fn end_of_user_space(self, pid: i32) -> u64 {
        const ARM: bool = cfg!(target_arch = "aarch64");
        let page = observe::machine::read().page_size as u64;
        match self {
            Width::Bits64 if ARM => 1 << 48,
            Width::Bits64 => (1 << 47) - 4096,
            Width::Bits32 if ARM => (1 << 32) - page,
            Width::Bits32 if ends_at_3_gib(pid) => 3 << 30,
            Width::Bits32 => (1 << 32) - 2 * 4096,
        }
    }
}

/// Whether the process has the personality for it. Where that may not be read, the ordinary one is
/// assumed.
fn ends_at_3_gib(pid: i32) -> bool {
    personality::read(pid).is_ok_and(|flags| flags & ADDR_LIMIT_3GB != 0)
}
