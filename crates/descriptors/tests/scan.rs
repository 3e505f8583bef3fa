//! The map of this test's own process, which has laid out its descriptors itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::thread;

use descriptors::{Description, Identity, Map, Options};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sched::{CloneFlags, unshare};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::EventFd;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::gettid;

/// Maps by both ways: by the kernel's addresses, where they may be read, and by kcmp.
fn maps() -> [Map; 2] {
    [true, false].map(|bpf| {
        let options = Options {
            bpf,
            close_on_exec: true,
            every_registration: true,
        };
        let map = descriptors::scan_with(&[std::process::id() as i32], &options);
        assert_eq!(map.refused, None);
        assert!(map.denied.is_empty(), "{:?}", map.denied);
        assert_eq!(
            map.identity == Identity::Bpf,
            bpf && map.bpf_refused.is_none()
        );
        map
    })
}

fn holding<'a>(map: &'a Map, file: &impl AsRawFd) -> &'a Description {
    of_number(map, None, file.as_raw_fd()).unwrap()
}

fn of_number(map: &Map, tid: Option<i32>, fd: RawFd) -> Option<&Description> {
    let has = |it: &&Description| {
        let mut holders = it.holders.iter();
        holders.any(|holder| holder.fd == fd && holder.tid == tid)
    };
    map.descriptions.iter().find(has)
}

fn numbers(description: &Description) -> BTreeSet<RawFd> {
    description.holders.iter().map(|holder| holder.fd).collect()
}

fn set<const N: usize>(files: [&dyn AsRawFd; N]) -> BTreeSet<RawFd> {
    files.map(AsRawFd::as_raw_fd).into()
}

/// Opens what `file` refers to once more, with O_PATH.
fn reopen_o_path(file: &impl AsRawFd) -> File {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(libc::O_PATH)
        .open(path)
        .unwrap()
}

#[test]
fn o_path_makes_a_description_of_its_own_of_sockets_too() {
    let (socket, _peer) = UnixDatagram::pair().unwrap();
    let (pipe, _writer) = std::io::pipe().unwrap();
    let file = File::open("/proc/self/exe").unwrap();
    let copies = (socket.try_clone().unwrap(), pipe.try_clone().unwrap());
    let reopened = [
        reopen_o_path(&socket),
        reopen_o_path(&pipe),
        reopen_o_path(&file),
    ];
    for map in maps() {
        assert_eq!(numbers(holding(&map, &socket)), set([&socket, &copies.0]));
        assert_eq!(numbers(holding(&map, &pipe)), set([&pipe, &copies.1]));
        for file in &reopened {
            let description = holding(&map, file);
            assert_eq!(numbers(description), set([file]));
            assert_eq!((description.access, description.offset), ("O_PATH", None));
            assert!(description.certain);
        }
        assert_eq!(
            holding(&map, &reopened[0]).object,
            holding(&map, &socket).object
        );
    }
}

#[test]
fn offsets_stand_where_they_mean_something() {
    let (socket, peer) = UnixDatagram::pair().unwrap();
    let (pipe, _writer) = std::io::pipe().unwrap();
    let (event, file) = (
        EventFd::new().unwrap(),
        File::open("/proc/self/exe").unwrap(),
    );
    let fds = [event.as_fd().as_raw_fd(), file.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    let data = [IoSlice::new(b"x")];
    sendmsg::<()>(peer.as_raw_fd(), &data, &rights, MsgFlags::empty(), None).unwrap();
    for map in maps() {
        assert_eq!(holding(&map, &file).offset, Some(0));
        for offset in
            [&socket.as_fd(), &pipe.as_fd(), &event.as_fd()].map(|fd| holding(&map, fd).offset)
        {
            assert_eq!(offset, None);
        }
        assert_eq!(holding(&map, &socket).in_flight, Some(2));
        let inode = file
            .metadata()
            .map(|it| std::os::unix::fs::MetadataExt::ino(&it))
            .unwrap();
        assert_eq!(holding(&map, &file).inode, Some(inode));
    }
}

#[test]
fn a_thread_with_a_table_of_its_own_is_a_holder() {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let event = EventFd::new().unwrap();
    epoll
        .add(&event, EpollEvent::new(EpollFlags::EPOLLIN, 1))
        .unwrap();
    thread::scope(|scope| {
        let of_thread = || {
            unshare(CloneFlags::CLONE_FILES).unwrap();
            let own = EventFd::new().unwrap();
            epoll
                .add(&own, EpollEvent::new(EpollFlags::EPOLLIN, 2))
                .unwrap();
            let (tid, fd) = (gettid().as_raw(), own.as_fd().as_raw_fd());
            for map in maps() {
                let description = of_number(&map, Some(tid), fd).unwrap();
                assert_eq!(
                    numbers(description),
                    BTreeSet::from([fd]),
                    "the process does not have it"
                );
                let inherited = of_number(&map, Some(tid), event.as_fd().as_raw_fd()).unwrap();
                assert_eq!(inherited.holders.len(), 2, "the table was copied");
                let watches = &holding(&map, &epoll.0).watches;
                let ghosts: Vec<_> = watches
                    .iter()
                    .map(|watch| (watch.fd, watch.ghost))
                    .collect();
                assert!(
                    ghosts.contains(&(fd, Some(false))),
                    "open in the thread: {ghosts:?}"
                );
            }
            epoll.delete(&own).unwrap();
        };
        scope.spawn(of_thread).join().unwrap();
    });
}

#[test]
fn a_name_that_cannot_be_read_costs_its_own_line() {
    let folder = Folder::new();
    let mut directory = File::open(&folder.0).unwrap();
    let name = "d".repeat(200);
    for _ in 0..25 {
        mkdirat(&directory, name.as_str(), Mode::S_IRWXU).unwrap();
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        directory = openat(&directory, name.as_str(), flags, Mode::empty())
            .unwrap()
            .into();
    }
    let duplicate = directory.try_clone().unwrap();
    for map in maps() {
        let description = holding(&map, &directory);
        let errno = description.object_refused.as_ref().unwrap().errno;
        assert_eq!((errno, &description.object), (Errno::ENAMETOOLONG, &None));
        assert_eq!(numbers(description), set([&directory, &duplicate]));
        assert!(map.descriptions.len() > 3, "the others are there");
    }
}

/// A folder for one test, removed with all that it holds.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let name = format!("descriptors-{}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir(&folder.0).unwrap();
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it is seen in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn close_on_exec_is_asked_of_every_descriptor_or_of_one() {
    let file = File::open("/proc/self/exe").unwrap();
    let _shared = file.try_clone().unwrap();
    let options = Options::default();
    let once = descriptors::scan_with(&[std::process::id() as i32], &options);
    let flags = |map: &Map| -> Vec<Option<bool>> {
        let holders = &holding(map, &file).holders;
        holders.iter().map(|holder| holder.close_on_exec).collect()
    };
    // Two numbers of one table are read both, as neither is where the other was inherited from.
    assert_eq!(flags(&once), [Some(true), Some(true)]);
    for map in maps() {
        assert_eq!(flags(&map), [Some(true), Some(true)]);
    }
}
