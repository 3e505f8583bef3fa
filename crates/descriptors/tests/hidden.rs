//! References to descriptions that are no descriptors: each kind that can be made here is counted
//! exactly and named. One test, as others would have descriptors of their own in this process.
#![expect(unsafe_code, reason = "mmap and io_uring")]

use std::io::{IoSlice, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::thread;

use descriptors::{Description, Hidden, Identity, InFlight, Map, Options};
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::unistd::gettid;

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

fn of_number(map: &Map, fd: RawFd) -> &Description {
    let has = |it: &&Description| it.holders.iter().any(|it| it.fd == fd && it.tid.is_none());
    let found = map.descriptions.iter().find(has);
    found.unwrap_or_else(|| panic!("no descriptor {fd}"))
}

fn hidden(map: &Map, fd: RawFd) -> Option<Hidden> {
    of_number(map, fd).hidden.clone()
}

fn scan(bpf: bool) -> Map {
    let options = Options {
        bpf,
        ..Options::default()
    };
    descriptors::scan_with(&[std::process::id() as i32], &options)
}

/// A mapping of `fd`, until the test ends.
fn map_page(fd: &impl AsRawFd) -> u64 {
    // SAFETY: a new mapping at an address that the kernel chooses; nobody reads or writes it.
    let start = unsafe {
        let (protection, flags) = (libc::PROT_READ, libc::MAP_SHARED);
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            protection,
            flags,
            fd.as_raw_fd(),
            0,
        )
    };
    assert_ne!(start, libc::MAP_FAILED);
    start as u64
}

/// An io_uring instance in which `fd` is registered; none where io_uring is refused.
fn register_with_io_uring(fd: &impl AsRawFd) -> Option<OwnedFd> {
    const IORING_REGISTER_FILES: i32 = 2;
    let mut parameters = [0u32; 30];
    // SAFETY: the kernel reads and writes the 120 bytes of `struct io_uring_params`.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr()) };
    let ring = i32::try_from(ring).ok().filter(|&ring| ring >= 0)?;
    // SAFETY: a new descriptor, which nobody else knows.
    let ring = unsafe { OwnedFd::from_raw_fd(ring) };
    let numbers = [fd.as_raw_fd()];
    // SAFETY: the kernel reads one number.
    let registered = unsafe {
        let operation = IORING_REGISTER_FILES;
        libc::syscall(
            libc::SYS_io_uring_register,
            ring.as_raw_fd(),
            operation,
            numbers.as_ptr(),
            numbers.len(),
        )
    };
    (registered == 0).then_some(ring)
}

#[test]
fn hidden_references_are_counted_and_named() {
    let file = || memfd_create(c"hidden", MFdFlags::MFD_CLOEXEC).unwrap();
    let [plain, mapped, in_flight, registered] = [file(), file(), file(), file()];
    let duplicate = plain.try_clone().unwrap();
    nix::unistd::ftruncate(&mapped, 4096).unwrap();
    let start = map_page(&mapped);
    let (sender, receiver) = UnixDatagram::pair().unwrap();
    let fds = [in_flight.as_raw_fd(), in_flight.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    let data = [IoSlice::new(b"x")];
    sendmsg::<()>(sender.as_raw_fd(), &data, &rights, MsgFlags::empty(), None).unwrap();
    let ring = register_with_io_uring(&registered);
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let waits_at = reader.as_raw_fd();
    let (tell, told) = mpsc::channel();
    let waiter = thread::spawn(move || {
        tell.send(gettid().as_raw()).unwrap();
        reader.read_exact(&mut [0]).unwrap();
        reader
    });
    let tid = told.recv().unwrap();
    let is_in_read = || {
        let call = observe::wchan::read_syscall(tid).unwrap();
        call.is_some_and(|it| it.number == libc::SYS_read && it.arguments[0] == waits_at as u64)
    };
    while !is_in_read() {
        thread::yield_now();
    }
    let own = std::process::id() as i32;
    let map = scan(true);
    if is_by_address(&map) {
        let told = |fd: RawFd| hidden(&map, fd).unwrap_or_else(|| panic!("{fd}: {map:#?}"));
        for fd in [plain.as_raw_fd(), duplicate.as_raw_fd(), sender.as_raw_fd()] {
            assert_eq!(told(fd), Hidden::default());
        }
        let of_mapped = told(mapped.as_raw_fd());
        assert_eq!((of_mapped.references, of_mapped.elsewhere), (1, 0));
        assert_eq!(
            (of_mapped.mappings[0].pid, of_mapped.mappings[0].start),
            (own, start)
        );
        let of_message = told(in_flight.as_raw_fd());
        assert_eq!(of_message.references, 2);
        // Before Linux 5.15 nothing names them.
        let inode = of_number(&map, receiver.as_raw_fd()).inode;
        let at_receiver = |it: &InFlight| it.socket == inode;
        match of_message.elsewhere {
            0 => assert!(
                of_message.in_flight.iter().all(at_receiver),
                "{of_message:?}"
            ),
            elsewhere => assert_eq!(elsewhere, 2),
        }
        if ring.is_some() {
            let of_ring = told(registered.as_raw_fd());
            assert_eq!((of_ring.references, of_ring.elsewhere), (1, 1));
        }
        let of_pipe = told(waits_at);
        assert_eq!((of_pipe.references, of_pipe.elsewhere), (1, 0));
        assert_eq!(
            (of_pipe.calls[0].tid, of_pipe.calls[0].number),
            (tid, libc::SYS_read)
        );
    }
    assert_eq!(hidden(&scan(false), plain.as_raw_fd()), None);
    writer.write_all(b".").unwrap();
    waiter.join().unwrap();
    drop(receiver);
}
