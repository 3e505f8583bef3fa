//! What is known of a description before anything is compared, and which of it never changes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use observe::Error;
use observe::descriptor_table::DescriptorTable;
use observe::fdinfo::FdInfo;

use crate::mounts::Mounts;

/// What /proc tells of a descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// What its link says; with CAP_SYS_PTRACE alone, and where a path is longer than a page, the
    /// link cannot be read, and fdinfo can.
    pub(crate) link: Result<OsString, Error>,
    /// The device of its file system.
    pub(crate) device: Option<(u32, u32)>,
    /// Whether it is of a kind that has a file offset, where the kind is known.
    pub(crate) has_offset: Option<bool>,
    pub(crate) info: FdInfo,
}

/// What two descriptors of one description have in common for life; only within it are they
/// compared. Offset and status flags are not among it: they may change between two looks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    inode: Option<u64>,
    mount: Option<i64>,
    eventfd_id: Option<u64>,
    /// Access mode and O_PATH, which fcntl(2) cannot change.
    mode: i32,
    /// The link where there is no inode number and the link is no path, which may be renamed.
    name: Option<OsString>,
}

impl Facts {
    /// Reads both.
    ///
    /// # Errors
    /// That of fdinfo.
    pub(crate) fn read(table: &DescriptorTable, fd: i32, mounts: &Mounts) -> Result<Facts, Error> {
        let link = table.link(fd);
        let info = table.info(fd)?;
        Ok(Facts {
            link,
            device: mounts.device(info.mount),
            has_offset: None,
            info,
        })
    }

    pub(crate) fn key(&self) -> Key {
        let info = &self.info;
        let name = self.link.as_ref().ok();
        let name = name.filter(|_| info.inode.is_none() && !self.has_path());
        Key {
            inode: info.inode,
            mount: info.mount,
            eventfd_id: info.eventfd_id,
            mode: info.status_flags & (libc::O_ACCMODE | libc::O_PATH),
            name: name.cloned(),
        }
    }

    /// Whether its inode tells all: a socket has one description that reads and writes, for life.
    /// open(2) with O_PATH makes others of its inode, which do neither.
    pub(crate) fn is_socket(&self) -> bool {
        self.begins_with(b"socket:[") && !self.is_o_path()
    }

    pub(crate) fn is_o_path(&self) -> bool {
        self.info.status_flags & libc::O_PATH != 0
    }

    /// Whether its link is a path, or cannot be read.
    pub(crate) fn has_path(&self) -> bool {
        self.link.is_err() || self.begins_with(b"/")
    }

    fn begins_with(&self, start: &[u8]) -> bool {
        self.link
            .as_ref()
            .is_ok_and(|link| link.as_bytes().starts_with(start))
    }

    /// The file offset, where it means something.
    pub(crate) fn offset(&self) -> Option<u64> {
        let has_offset = self.has_offset.unwrap_or_else(|| self.has_path());
        let pos = self.info.pos;
        pos.filter(|_| has_offset && !self.is_o_path())
    }

    /// Whether both agree in all that is told of a description.
    pub(crate) fn look_alike(&self, other: &Facts) -> bool {
        let description = |facts: &Facts| FdInfo {
            close_on_exec: false,
            ..facts.info.clone()
        };
        self.link == other.link && description(self) == description(other)
    }
}
