//! The kernel's log, as far as it is asked for words: syslog(2).
#![expect(unsafe_code, reason = "klogctl has no safe form")]

/// syslog(2): read what is in the log, and leave it there.
const SYSLOG_ACTION_READ_ALL: libc::c_int = 3;

/// Whether `words` stand in the last 64 KiB of the log; none where it may not be read.
pub(crate) fn says(words: &str) -> Option<bool> {
    let mut log = vec![0_u8; 64 << 10];
    let size = libc::c_int::try_from(log.len()).ok()?;
    // SAFETY: the kernel writes at most `size` bytes, which is what the vector has, and nobody else
    // has it; it stays alive until the call has returned.
    let read = unsafe { libc::klogctl(SYSLOG_ACTION_READ_ALL, log.as_mut_ptr().cast(), size) };
    log.truncate(usize::try_from(read).ok()?);
    Some(
        log.windows(words.len().max(1))
            .any(|part| part == words.as_bytes()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first line that a kernel writes may be gone from a log that is full, and no kernel
    /// writes the last one.
    #[test]
    fn it_finds_what_is_there_and_nothing_else() {
        assert!(says("these words were never said").is_none_or(|said| !said));
    }
}
