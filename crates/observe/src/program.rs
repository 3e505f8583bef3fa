//! `/proc/PID/exe`: the program that a process runs (proc_pid_exe(5)).

use std::fs::{File, read_link};
use std::io::Read;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use crate::{Error, file_error};

/// elf.h: EI_CLASS, the class's index in the first bytes of an ELF file, and its values.
const EI_CLASS: usize = 4;
const ELFCLASS32: u8 = 1;
const ELFCLASS64: u8 = 2;

/// The class of an ELF file: how wide its addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfClass {
    /// ELFCLASS32: i386, x32, 32-bit ARM.
    Bits32,
    /// ELFCLASS64.
    Bits64,
}

/// The path of the program that process `pid` runs, followed by ` (deleted)` where the file was
/// deleted.
///
/// # Errors
/// EACCES where ptrace access is denied, ENOENT for a kernel thread and where the process has
/// ended.
pub fn path(pid: i32) -> Result<PathBuf, Error> {
    let link = format!("/proc/{pid}/exe");
    read_link(&link).map_err(|e| file_error("readlink", link.as_ref(), &e))
}

/// Whether this process may read the file of its own program. Where it may not, its files in /proc
/// belong to root, and so do those of its children (execve(2), `PR_SET_DUMPABLE` in prctl(2)).
/// Where nobody can tell, it may.
pub fn is_own_readable() -> bool {
    access("/proc/self/exe", AccessFlags::R_OK) != Err(Errno::EACCES)
}

/// The class in the first bytes of the program's file.
///
/// # Errors
/// As [`path`]; ENODATA where the file does not begin as an ELF file.
pub fn read_class(pid: i32) -> Result<ElfClass, Error> {
    let path = format!("/proc/{pid}/exe");
    let mut head = [0; EI_CLASS + 1];
    File::open(&path)
        .and_then(|mut file| file.read_exact(&mut head))
        .map_err(|e| file_error("read", path.as_ref(), &e))?;
    parse_class(&head).ok_or_else(|| Error::no_data(format!("find the ELF class in {path}")))
}

/// The class in the first bytes of a file.
pub fn parse_class(head: &[u8]) -> Option<ElfClass> {
    match head {
        [0x7f, b'E', b'L', b'F', ELFCLASS32, ..] => Some(ElfClass::Bits32),
        [0x7f, b'E', b'L', b'F', ELFCLASS64, ..] => Some(ElfClass::Bits64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes() {
        assert_eq!(parse_class(b"\x7fELF\x01\x01"), Some(ElfClass::Bits32));
        assert_eq!(parse_class(b"\x7fELF\x02"), Some(ElfClass::Bits64));
        assert_eq!(parse_class(b"\x7fELF\x03"), None);
        assert_eq!(parse_class(b"#!/bin/sh"), None);
        assert_eq!(parse_class(b"\x7fELF"), None);
    }

    #[test]
    fn this_process() {
        let own = std::process::id() as i32;
        let class = match usize::BITS {
            32 => ElfClass::Bits32,
            _ => ElfClass::Bits64,
        };
        assert_eq!(read_class(own), Ok(class));
        assert_eq!(path(own).unwrap(), std::env::current_exe().unwrap());
    }
}
