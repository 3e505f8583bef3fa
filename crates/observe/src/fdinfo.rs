//! `/proc/PID/fdinfo/FD`: what the kernel tells about the open file description behind a descriptor
//! (proc_pid_fdinfo(5), fs/proc/fd.c and each file's `show_fdinfo`).

use nix::fcntl::OFlag;

use crate::{Error, read_text};

/// The fields that are read. Those that a kind of file does not have are `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FdInfo {
    /// File offset in bytes. Every Linux shows it; gVisor shows the flags alone.
    pub pos: Option<u64>,
    /// Access mode and file status flags of the description, without O_CLOEXEC.
    pub status_flags: i32,
    /// Whether this descriptor closes on exec. The kernel mixes it into the line `flags`, though it
    /// belongs to the descriptor and not to the description.
    pub close_on_exec: bool,
    /// Mount that the file lies on.
    pub mount: Option<i64>,
    /// Inode number (Linux 5.14).
    pub inode: Option<u64>,
    /// Number that tells one eventfd from another; they share an inode (Linux 5.2).
    pub eventfd_id: Option<u64>,
    /// What an epoll instance watches.
    pub watches: Vec<Watch>,
    /// Descriptors that wait in messages on this UNIX socket (Linux 5.15).
    pub in_flight: Option<u64>,
    /// Locks that this description is shown to hold, as the kernel prints them.
    pub locks: Vec<String>,
}

/// One `tfd` line: a registration of an epoll instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Descriptor number at the time of registration. It may name something else by now.
    pub fd: i32,
    /// Events, with EPOLLET, EPOLLEXCLUSIVE and the like.
    pub events: u32,
    /// Inode of the file that is really watched.
    pub inode: u64,
    /// Its device, major and minor number.
    pub device: (u32, u32),
}

/// Reads the facts about descriptor `fd` of process `pid`.
///
/// # Errors
/// EACCES where ptrace access is refused, ENOENT where there is no such descriptor.
pub fn read(pid: i32, fd: i32) -> Result<FdInfo, Error> {
    Ok(parse(&read_text(format!("/proc/{pid}/fdinfo/{fd}"))?))
}

/// The access mode in the flags of a description, by its name in open(2). One of O_PATH can neither
/// be read nor written.
pub fn access_mode(status_flags: i32) -> &'static str {
    match status_flags & libc::O_ACCMODE {
        _ if status_flags & libc::O_PATH != 0 => "O_PATH",
        libc::O_RDONLY => "O_RDONLY",
        libc::O_WRONLY => "O_WRONLY",
        _ => "O_RDWR",
    }
}

/// Parses the file's text.
pub fn parse(text: &str) -> FdInfo {
    let mut info = FdInfo::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match key {
            // Printed as a signed number, and negative for a file of more than 2^63 bytes, such as
            // /proc/PID/mem.
            "pos" => info.pos = value.parse().ok().map(i64::cast_unsigned),
            "flags" => {
                let flags = i32::from_str_radix(value, 8).unwrap_or(0);
                let close_on_exec = OFlag::O_CLOEXEC.bits();
                info.status_flags = flags & !close_on_exec;
                info.close_on_exec = flags & close_on_exec != 0;
            }
            "mnt_id" => info.mount = value.parse().ok(),
            "ino" => info.inode = value.parse().ok(),
            "eventfd-id" => info.eventfd_id = value.parse().ok(),
            "scm_fds" => info.in_flight = value.parse().ok(),
            "lock" => info.locks.push(value.to_owned()),
            "tfd" => info.watches.extend(watch(value)),
            _ => {}
        }
    }
    info
}

/// `5 events: 19 data: 5 pos:0 ino:e sdev:d`: the descriptor decimal, the rest hexadecimal.
fn watch(value: &str) -> Option<Watch> {
    let (fd, rest) = value.split_once(char::is_whitespace)?;
    let field = |name: &str| rest.split_once(name)?.1.split_whitespace().next();
    Some(Watch {
        fd: fd.parse().ok()?,
        events: u32::from_str_radix(field("events:")?, 16).ok()?,
        inode: u64::from_str_radix(field("ino:")?, 16).ok()?,
        device: device(u32::from_str_radix(field("sdev:")?, 16).ok()?),
    })
}

/// Major and minor number of a device as the kernel keeps it (include/linux/kdev_t.h).
pub(crate) fn device(number: u32) -> (u32, u32) {
    (number >> 20, number & 0xf_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_close_on_exec_flag_is_kept_apart() {
        let info = parse("pos:\t6\nflags:\t02100002\nmnt_id:\t29\nino:\t1234\n");
        assert_eq!(
            (info.pos, info.inode, info.mount),
            (Some(6), Some(1234), Some(29))
        );
        assert!(info.close_on_exec);
        assert_eq!(info.status_flags, 0o100_002);
        assert_eq!(parse("flags:\t0100002\n").status_flags, info.status_flags);
    }

    #[test]
    fn registrations_of_an_epoll_instance() {
        let text = "pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t1057\n\
            tfd:        5 events:       19 data:                5  pos:0 ino:e sdev:d\n\
            tfd:       30 events: 10000001 data:       1e  pos:0 ino:1f2a sdev:fe00003\n";
        let watches = parse(text).watches;
        assert_eq!(
            watches[0],
            Watch {
                fd: 5,
                events: 0x19,
                inode: 0xe,
                device: (0, 0xd),
            }
        );
        assert_eq!(
            watches[1],
            Watch {
                fd: 30,
                events: 0x1000_0001,
                inode: 0x1f2a,
                device: (0xfe, 3),
            }
        );
    }

    #[test]
    fn eventfd_socket_and_lock_lines() {
        let info = parse("pos:\t0\neventfd-count: 0\neventfd-id: 7\nscm_fds: 1\nlock:\t1: FLOCK\n");
        assert_eq!((info.eventfd_id, info.in_flight), (Some(7), Some(1)));
        assert_eq!(info.locks, ["1: FLOCK"]);
    }

    #[test]
    fn an_offset_in_the_upper_half_is_printed_as_negative() {
        let vsyscall = parse("pos:\t-10485760\nflags:\t02100000\n");
        assert_eq!(vsyscall.pos, Some(0xffff_ffff_ff60_0000));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s).{0,400}") {
            parse(&text);
        }

        #[test]
        fn damaged_lines_never_panic(
            text in "((pos|flags|tfd|ino|mnt_id|lock):[ -~\t]{0,40}\n){0,8}"
        ) {
            parse(&text);
        }
    }
}
