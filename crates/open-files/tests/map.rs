//! Maps this test's own process, whose descriptors it has laid out itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::process::Command;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::EventFd;
use serde_json::Value;

/// The descriptions of this process, as the binary sees them.
fn map() -> Vec<Value> {
    let pid = std::process::id().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_open-files"))
        .args(["map", "--json", &pid])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let map: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(map["schema"], 1);
    map["descriptions"].as_array().unwrap().clone()
}

/// Numbers of the descriptors that share a description with `fd`, `fd` among them.
fn sharing(map: &[Value], fd: RawFd) -> Vec<RawFd> {
    let holders = |d: &Value| -> Vec<RawFd> {
        let holders = d["holders"].as_array().unwrap();
        holders
            .iter()
            .map(|h| h["fd"].as_i64().unwrap() as RawFd)
            .collect()
    };
    let with_fd: Vec<_> = map
        .iter()
        .map(holders)
        .filter(|fds| fds.contains(&fd))
        .collect();
    assert_eq!(
        with_fd.len(),
        1,
        "a descriptor has one description: {with_fd:?}"
    );
    with_fd.into_iter().next().unwrap()
}

#[test]
fn a_duplicate_shares_and_a_second_open_does_not() {
    let file = File::open("/proc/self/exe").unwrap();
    let duplicate = file.try_clone().unwrap();
    let second = File::open("/proc/self/exe").unwrap();
    let map = map();
    let shared = sharing(&map, file.as_raw_fd());
    assert!(shared.contains(&duplicate.as_raw_fd()), "{shared:?}");
    assert!(!shared.contains(&second.as_raw_fd()), "{shared:?}");
    assert_eq!(sharing(&map, second.as_raw_fd()), [second.as_raw_fd()]);
}

#[test]
fn a_registration_that_outlived_its_descriptor_is_a_ghost() {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    // All eventfds have one inode: only the description itself tells them apart.
    let (closed, open) = (EventFd::new().unwrap(), EventFd::new().unwrap());
    for eventfd in [&closed, &open] {
        epoll
            .add(eventfd, EpollEvent::new(EpollFlags::EPOLLIN, 0))
            .unwrap();
    }
    let ghost = closed.as_raw_fd();
    let _kept = closed.as_fd().try_clone_to_owned().unwrap();
    drop(closed);
    // Another eventfd on the number that is registered.
    let another = EventFd::new().unwrap();
    let number = fcntl(&another, FcntlArg::F_DUPFD_CLOEXEC(ghost)).unwrap();
    let map = map();
    nix::unistd::close(number).unwrap();
    let is_epoll = |d: &&Value| {
        let number = i64::from(epoll.0.as_raw_fd());
        d["holders"]
            .as_array()
            .unwrap()
            .iter()
            .any(|h| h["fd"] == number)
    };
    let instance = map.iter().find(is_epoll).unwrap();
    let is_ghost = |fd: RawFd| {
        let watches = instance["watches"].as_array().unwrap();
        watches.iter().find(|w| w["fd"] == fd).unwrap()["ghost"]
            .as_bool()
            .unwrap()
    };
    assert!(is_ghost(ghost));
    assert!(!is_ghost(open.as_raw_fd()));
}

#[test]
fn a_process_that_does_not_exist_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_open-files"))
        .args(["map", "2147483647"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no process 2147483647"));
}
