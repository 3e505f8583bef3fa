//! `/proc/PID/mountinfo`: the mounts of a mount namespace (proc_pid_mountinfo(5)). Reading it asks
//! no file system, so that one which does not answer holds nobody up.

use crate::{Error, read_bytes};

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The number that fdinfo gives as `mnt_id`; no other mount of the machine has it.
    pub id: i64,
    /// Device of its file system, major and minor number. On btrfs stat(2) tells another one, that
    /// of the subvolume.
    pub device: (u32, u32),
    /// Type of its file system, such as `ext4` or `fuse.sshfs`.
    pub file_system: String,
}

impl Mount {
    /// Whether the kernel alone answers for the files of this mount, so that stat(2) and close(2)
    /// of one wait for no server and no other process. What is not known to be so is not.
    pub fn is_local(&self) -> bool {
        LOCAL.contains(&self.file_system.as_str())
    }
}

/// File systems whose `getattr` and `flush` stay within this machine's kernel. overlay is none of
/// them: it hands both on to what lies below.
const LOCAL: [&str; 34] = [
    "bcachefs",
    "binfmt_misc",
    "bpf",
    "btrfs",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "exfat",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "jfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "securityfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "vfat",
    "xfs",
];

/// Reads the mounts that process `pid` sees below its root.
///
/// # Errors
/// EACCES where ptrace access is refused, ENOENT where no such process exists.
pub fn read(pid: i32) -> Result<Vec<Mount>, Error> {
    Ok(parse(&read_bytes(format!("/proc/{pid}/mountinfo"))?))
}

/// Parses the file's bytes; damaged lines are left out. Paths may hold any byte.
pub fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|&byte| byte == b'\n')
        .filter_map(mount)
        .collect()
}

/// `27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw`; a blank in a path is `\040`.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|&byte| byte == b' ');
    let id = str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let (major, minor) = str::from_utf8(words.nth(1)?).ok()?.split_once(':')?;
    // The optional fields end with a hyphen; none of them is one.
    let mut behind = words.skip(3).skip_while(|word| *word != b"-").skip(1);
    let file_system = str::from_utf8(behind.next()?).ok()?;
    Some(Mount {
        id,
        device: (major.parse().ok()?, minor.parse().ok()?),
        file_system: file_system.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    use nix::libc::{major, minor};

    use super::*;
    use crate::fdinfo;

    #[test]
    fn saved_lines() {
        let text = b"27 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\nrubbish\n\
            91 27 0:45 / /mnt/a\\040name\xff rw - fuse.sshfs host:/ rw\n";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!((mounts[0].id, mounts[0].device), (27, (254, 0)));
        assert!(mounts[0].is_local() && !mounts[1].is_local());
        assert_eq!(mounts[1].file_system, "fuse.sshfs");
    }

    #[test]
    fn the_mount_of_a_file_has_its_device() {
        let file = File::open("/proc/self/status").unwrap();
        let own = std::process::id() as i32;
        let info = fdinfo::read(own, file.as_raw_fd()).unwrap();
        let device = file.metadata().unwrap().dev();
        let mounts = read(own).unwrap();
        let mount = mounts
            .iter()
            .find(|mount| Some(mount.id) == info.mount)
            .unwrap();
        assert_eq!(mount.device, (major(device), minor(device)));
        assert!(mount.is_local());
    }
}
