//! `/proc/PID/mem`: the bytes of another process's memory (proc_pid_mem(5)).

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;

use crate::{Error, file_error};

/// Another process's memory, for reading.
#[derive(Debug)]
pub struct RemoteMemory {
    file: File,
    pid: i32,
}

impl RemoteMemory {
    /// The memory of process `pid`.
    ///
    /// # Errors
    /// EACCES or EPERM where ptrace access is denied, ENOENT where no such process exists.
    pub fn open(pid: i32) -> Result<RemoteMemory, Error> {
        let path = format!("/proc/{pid}/mem");
        let file = File::open(&path).map_err(|e| file_error("open", path.as_ref(), &e))?;
        Ok(RemoteMemory { file, pid })
    }

    /// Fills `buffer` from `address` on; the number of bytes that were there.
    ///
    /// # Errors
    /// EIO where nothing is mapped, ESRCH where the process ended meanwhile.
    pub fn read(&self, address: u64, buffer: &mut [u8]) -> Result<usize, Error> {
        let describe = || format!("read memory of process {} at {address:#x}", self.pid);
        let mut filled = 0;
        while filled < buffer.len() {
            let at = address.saturating_add(filled as u64);
            match self.file.read_at(&mut buffer[filled..], at) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                // What was read before a hole still counts.
                Err(_) if filled > 0 => break,
                Err(e) => return Err(Error::from_io(describe(), &e)),
            }
        }
        // Where the process has ended the file reads as empty.
        if filled == 0 && !buffer.is_empty() {
            return Err(Error::new(describe(), Errno::ESRCH));
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_this_process() {
        let secret = [7u8, 1, 9, 4];
        let memory = RemoteMemory::open(std::process::id() as i32).unwrap();
        let mut buffer = [0; 4];
        assert_eq!(memory.read(secret.as_ptr() as u64, &mut buffer), Ok(4));
        assert_eq!(buffer, secret);
        let unmapped = memory.read(8, &mut buffer).unwrap_err().to_string();
        assert!(unmapped.contains("at 0x8: EIO"), "{unmapped}");
        assert!(memory.read(u64::MAX, &mut buffer).is_err());
    }
}
