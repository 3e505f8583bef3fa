//! Every kind of descriptor, each made here: both ways to look must give the same descriptions.
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]
#![expect(
    clippy::disallowed_methods,
    reason = "a child that inherits descriptors"
)]

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::thread;

use descriptors::{Identity, Map, Options};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sched::{CloneFlags, unshare};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::EventFd;
use nix::sys::inotify::{InitFlags, Inotify};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::SignalFd;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};

/// What a kind consists of: descriptors of one description each.
#[derive(Default)]
struct Factory {
    descriptors: Vec<OwnedFd>,
}

impl Factory {
    fn keep(&mut self, fd: impl Into<OwnedFd>) -> RawFd {
        let fd = fd.into();
        let number = fd.as_raw_fd();
        self.descriptors.push(fd);
        number
    }

    fn files(&mut self) {
        let file = File::open("/proc/self/exe").unwrap();
        self.keep(file.try_clone().unwrap());
        self.keep(file);
        self.keep(File::open("/proc/self/exe").unwrap());
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_PATH);
        self.keep(options.open("/proc/self/exe").unwrap());
        self.keep(File::open("/").unwrap());
        self.keep(File::open("/dev/null").unwrap());
        self.keep(File::open("/proc/self/ns/net").unwrap());
        self.keep(memfd_create(c"factory", MFdFlags::MFD_CLOEXEC).unwrap());
        let folder = std::env::temp_dir();
        let mut unnamed = OpenOptions::new();
        unnamed.read(true).write(true).custom_flags(libc::O_TMPFILE);
        if let Ok(file) = unnamed.open(&folder) {
            self.keep(file);
        }
        let path = folder.join(format!("descriptors-factory-{}", std::process::id()));
        let deleted = File::create(&path).unwrap();
        fs::remove_file(&path).unwrap();
        self.keep(deleted);
    }

    fn anonymous(&mut self) {
        let (reader, writer) = std::io::pipe().unwrap();
        let again = format!("/proc/self/fd/{}", reader.as_raw_fd());
        self.keep(OpenOptions::new().write(true).open(again).unwrap());
        self.keep(reader);
        self.keep(writer);
        let event = EventFd::new().unwrap();
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        epoll
            .add(&event, EpollEvent::new(EpollFlags::EPOLLIN, 0))
            .unwrap();
        let outer = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        outer
            .add(&epoll.0, EpollEvent::new(EpollFlags::EPOLLIN, 0))
            .unwrap();
        self.keep(OwnedFd::from(event));
        self.keep(EventFd::new().map(OwnedFd::from).unwrap());
        self.keep(epoll.0);
        self.keep(outer.0);
        self.keep(OwnedFd::from(
            TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::empty()).unwrap(),
        ));
        let signals = SignalFd::new(&SigSet::empty()).unwrap();
        self.keep(signals.as_fd().try_clone_to_owned().unwrap());
        drop(signals);
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC).unwrap();
        self.keep(inotify.as_fd().try_clone_to_owned().unwrap());
        drop(inotify);
        self.keep(observe::pidfd::open(std::process::id() as i32).unwrap());
        self.keep(observe::pidfd::open(std::process::id() as i32).unwrap());
    }

    fn sockets(&mut self) {
        let (a, b) = UnixStream::pair().unwrap();
        self.keep(a.try_clone().unwrap());
        let path = format!("/proc/self/fd/{}", a.as_raw_fd());
        let mut options = OpenOptions::new();
        self.keep(
            options
                .read(true)
                .custom_flags(libc::O_PATH)
                .open(path)
                .unwrap(),
        );
        self.keep(a);
        self.keep(b);
        let name = SocketAddr::from_pathname("").unwrap();
        // An empty name: the kernel chooses one that no file has.
        self.keep(UnixListener::bind_addr(&name).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        self.keep(listener.accept().unwrap().0);
        self.keep(client);
        self.keep(listener);
        self.keep(UdpSocket::bind("127.0.0.1:0").unwrap());
        if let Ok(six) = TcpListener::bind("[::1]:0") {
            self.keep(six);
        }
        let flags = SockFlag::SOCK_CLOEXEC;
        for protocol in [SockProtocol::NetlinkRoute, SockProtocol::NetlinkSockDiag] {
            let family = AddressFamily::Netlink;
            let kind = SockType::Raw;
            self.keep(socket(family, kind, flags, protocol).unwrap());
        }
    }
}

/// Each description as the set of its descriptors, as far as they are in `factory`'s table or in
/// one that was copied from it.
fn partition(map: &Map, factory: &Factory) -> BTreeSet<BTreeSet<(i32, Option<i32>, RawFd)>> {
    let known: BTreeSet<RawFd> = factory.descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let groups = map.descriptions.iter().map(|it| {
        let holders = it
            .holders
            .iter()
            .filter(|holder| known.contains(&holder.fd));
        holders
            .map(|holder| (holder.pid, holder.tid, holder.fd))
            .collect::<BTreeSet<_>>()
    });
    groups.filter(|group| !group.is_empty()).collect()
}

/// Whether the addresses were read. Where they were not, it must be a kernel without types, a user
/// without capabilities, or another PID namespace.
fn is_by_address(map: &Map) -> bool {
    let Some(refused) = &map.bpf_refused else {
        return map.identity == Identity::Bpf;
    };
    let excuses = [Errno::EPERM, Errno::ENOENT];
    let is_excuse = excuses.contains(&refused.errno);
    assert!(
        is_excuse || refused.to_string().contains("PID namespace"),
        "{refused}"
    );
    false
}

fn scan(pids: &[i32], bpf: bool) -> Map {
    let options = Options {
        bpf,
        close_on_exec: true,
        every_registration: true,
    };
    let map = descriptors::scan_with(pids, &options);
    assert!(map.descriptions.iter().all(|it| it.certain), "{map:#?}");
    map
}

#[test]
fn both_ways_see_the_same_descriptions() {
    let mut factory = Factory::default();
    factory.files();
    factory.anonymous();
    factory.sockets();
    let inherited = factory.descriptors.iter().step_by(2);
    for fd in inherited {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    }
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It has exec behind it when it answers.
    child.stdin.as_mut().unwrap().write_all(b".").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let pids = [std::process::id() as i32, child.id() as i32];
    let maps = thread::scope(|scope| {
        let with_own_table = || {
            unshare(CloneFlags::CLONE_FILES).unwrap();
            [true, false].map(|bpf| scan(&pids, bpf))
        };
        scope.spawn(with_own_table).join().unwrap()
    });
    drop(child.stdin.take());
    child.wait().unwrap();
    let groups = maps.each_ref().map(|map| partition(map, &factory));
    let tables = |group: &BTreeSet<(i32, Option<i32>, RawFd)>| {
        let tables = group.iter().map(|(pid, tid, _)| (*pid, tid.is_some()));
        tables.collect::<BTreeSet<_>>().len()
    };
    assert!(
        groups[1].iter().any(|group| tables(group) == 3),
        "{groups:#?}"
    );
    assert!(groups[1].len() > 30, "{groups:#?}");
    if is_by_address(&maps[0]) {
        let ways: Vec<_> = groups[0].symmetric_difference(&groups[1]).collect();
        assert!(ways.is_empty(), "only one way sees {ways:#?}");
        let flags = |map: &Map| -> BTreeSet<_> {
            let holders = map.descriptions.iter().flat_map(|it| &it.holders);
            let known =
                holders.filter(|it| factory.descriptors.iter().any(|fd| fd.as_raw_fd() == it.fd));
            known
                .map(|it| (it.pid, it.tid, it.fd, it.close_on_exec))
                .collect()
        };
        assert_eq!(flags(&maps[0]), flags(&maps[1]));
    }
}
