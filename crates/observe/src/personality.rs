//! `/proc/PID/personality`: how a process wants to be treated (proc_pid_personality(5),
//! personality(2)).

use crate::{Error, read_text};

/// linux/personality.h: 32-bit addresses end at 3 GiB.
pub const ADDR_LIMIT_3GB: u32 = 0x0800_0000;

/// Reads the flags of process `pid`.
///
/// # Errors
/// EACCES or EPERM where ptrace access is denied, ENOENT where no such process exists, ENODATA
/// where the text is not understood.
pub fn read(pid: i32) -> Result<u32, Error> {
    let path = format!("/proc/{pid}/personality");
    parse(&read_text(&path)?).ok_or_else(|| Error::no_data(format!("find a number in {path}")))
}

/// Parses the file's text: eight hexadecimal digits.
pub fn parse(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        assert_eq!(parse("00000000\n"), Some(0));
        assert_eq!(parse("08000000\n"), Some(ADDR_LIMIT_3GB));
        assert_eq!(parse("linux\n"), None);
        assert!(read(std::process::id() as i32).is_ok());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s).{0,40}") {
            parse(&text);
        }
    }
}
