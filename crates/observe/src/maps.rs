//! `/proc/PID/maps`: the mappings of an address space in address order (proc_pid_maps(5)).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::{fmt, fs};

use crate::{Error, file_error, read_bytes};

/// What a mapping allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Reading (`PROT_READ`).
    pub read: bool,
    /// Writing (`PROT_WRITE`).
    pub write: bool,
    /// Executing (`PROT_EXEC`).
    pub execute: bool,
    /// Writes are seen by other mappings of the same object (`MAP_SHARED`).
    pub shared: bool,
}

/// One mapping: a line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// First address after it.
    pub end: u64,
    /// What it allows.
    pub permissions: Permissions,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// Major and minor number of the file's device; 0:0 for anonymous memory.
    pub device: (u32, u32),
    /// Inode of the file; 0 for anonymous memory.
    pub inode: u64,
    /// The file's path, a name such as `[heap]`, or nothing. A path may hold any byte but NUL; for
    /// a line feed the kernel writes `\012`, and a backslash as it is.
    pub path: OsString,
}

impl Mapping {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Whether it has no bytes; the kernel shows no such mapping.
    pub fn is_empty(&self) -> bool {
        self.end == self.start
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |set, letter| if set { letter } else { '-' };
        write!(
            f,
            "{}{}{}{}",
            letter(self.read, 'r'),
            letter(self.write, 'w'),
            letter(self.execute, 'x'),
            if self.shared { 's' } else { 'p' }
        )
    }
}

/// Reads the mappings of process `pid`.
///
/// # Errors
/// EACCES or EPERM where ptrace access is denied, ENOENT or ESRCH where there is no such process.
pub fn read(pid: i32) -> Result<Vec<Mapping>, Error> {
    read_bytes(format!("/proc/{pid}/maps")).map(parse)
}

/// The path of a mapping's file with its own bytes, line feeds too: where the link in
/// `/proc/PID/map_files` leads.
///
/// # Errors
/// ENOENT where there is no such mapping of a file, EPERM without CAP_CHECKPOINT_RESTORE or
/// CAP_SYS_ADMIN.
pub fn link(pid: i32, mapping: &Mapping) -> Result<OsString, Error> {
    let (start, end) = (mapping.start, mapping.end);
    let path = PathBuf::from(format!("/proc/{pid}/map_files/{start:x}-{end:x}"));
    let link = fs::read_link(&path).map_err(|error| file_error("read the link", &path, &error))?;
    Ok(link.into_os_string())
}

/// Parses the text of the file; lines that are none of its own are skipped.
pub fn parse(text: impl AsRef<[u8]>) -> Vec<Mapping> {
    lines(text.as_ref()).filter_map(line).collect()
}

/// The lines of the file. A path may end with a carriage return: that belongs to it.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
}

/// Parses one line.
pub(crate) fn line(text: &[u8]) -> Option<Mapping> {
    let mut rest = text;
    // What stands before the path is ASCII.
    let mut word = || {
        rest = without_blanks(rest);
        let end = rest.iter().position(|&byte| byte == b' ');
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        str::from_utf8(word).ok()
    };
    let hex = |text| u64::from_str_radix(text, 16).ok();
    let (start, end) = word()?.split_once('-')?;
    let (start, end) = (hex(start)?, hex(end)?);
    let flags = word()?.as_bytes();
    let offset = hex(word()?)?;
    let (major, minor) = word()?.split_once(':')?;
    let device = (
        u32::from_str_radix(major, 16).ok()?,
        u32::from_str_radix(minor, 16).ok()?,
    );
    let inode = word()?.parse().ok()?;
    if end < start || flags.len() != 4 {
        return None;
    }
    Some(Mapping {
        start,
        end,
        permissions: Permissions {
            read: flags[0] == b'r',
            write: flags[1] == b'w',
            execute: flags[2] == b'x',
            shared: flags[3] == b's',
        },
        offset,
        device,
        inode,
        path: OsStr::from_bytes(without_blanks(rest)).to_owned(),
    })
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&&byte| byte == b' ').count();
    &text[blanks..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "\
55d0c0a00000-55d0c0a02000 r-xp 00002000 fe:00 1311 /usr/bin/with two  blanks (deleted)
55d0c1b5e000-55d0c1b7f000 rw-p 00000000 00:00 0                          [heap]
7f2a00000000-7f2a00021000 rw-s 00000000 00:00 0
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
";

    #[test]
    fn saved_text() {
        let maps = parse(TEXT);
        assert_eq!(maps.len(), 4);
        assert_eq!(maps[0].path, "/usr/bin/with two  blanks (deleted)");
        assert_eq!((maps[0].offset, maps[0].device), (0x2000, (0xfe, 0)));
        assert_eq!(maps[0].inode, 1311);
        assert_eq!(maps[1].path, "[heap]");
        assert_eq!(maps[1].len(), 0x21000);
        assert_eq!(maps[2].permissions.to_string(), "rw-s");
        assert_eq!(maps[3].start, 0xffff_ffff_ff60_0000);
    }

    #[test]
    fn a_path_keeps_its_bytes() {
        let maps = parse(b"7f2a00000000-7f2a00021000 r--p 00000000 fe:00 7 /tmp/o\xe9\xc3(d\r\n");
        assert_eq!(maps[0].path, OsStr::from_bytes(b"/tmp/o\xe9\xc3(d\r"));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "\\PC*", bytes in "[-0-9a-f:rwxps \n]{0,200}") {
            parse(&text);
            for mapping in parse(&bytes) {
                prop_assert!(mapping.start <= mapping.end);
            }
        }
    }
}
