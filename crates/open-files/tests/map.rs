//! Maps this test's own process, whose descriptors it has laid out itself.
#![expect(clippy::disallowed_methods, reason = "a test runs the program")]
#![expect(unsafe_code, reason = "a filter is set between fork and exec")]
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::EventFd;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::Value;

/// The descriptions of this process, as the binary sees them.
fn map() -> Vec<Value> {
    let map: Value = serde_json::from_str(&drawn(binary(), &["--json"])).unwrap();
    assert_eq!(map["schema"], 2);
    let expected = if map["bpf_refused"].is_null() {
        "bpf"
    } else {
        "kcmp"
    };
    assert_eq!(map["identity"], expected);
    assert_eq!(map["refused"], Value::Null);
    map["descriptions"].as_array().unwrap().clone()
}

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_open-files"))
}

/// What the binary prints of this process.
fn drawn(mut binary: Command, options: &[&str]) -> String {
    let pid = std::process::id().to_string();
    let output = binary.arg("map").args(options).arg(&pid).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The binary behind a filter that answers `errno` to the system `calls`.
fn without(calls: &[i64], errno: Errno) -> Command {
    let filter = SeccompFilter::new(
        calls.iter().map(|&call| (call, Vec::new())).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno as u32),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    let apply = move || seccompiler::apply_filter(&program).map_err(|_| Errno::EINVAL.into());
    let mut binary = binary();
    // SAFETY: runs between fork and exec; the program was made before, and installing it is two
    // system calls.
    unsafe { binary.pre_exec(apply) };
    binary
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
fn shared_leaves_out_what_has_one_holder_in_both_forms() {
    let file = File::open("/proc/self/exe").unwrap();
    let _duplicate = file.try_clone().unwrap();
    let _alone = EventFd::new().unwrap();
    let all = map();
    let holders = |d: &Value| d["holders"].as_array().unwrap().len();
    assert!(all.iter().any(|d| holders(d) == 1));
    let shared: Value = serde_json::from_str(&drawn(binary(), &["--shared", "--json"])).unwrap();
    let shared = shared["descriptions"].as_array().unwrap();
    assert!(!shared.is_empty());
    assert!(shared.iter().all(|d| holders(d) > 1), "{shared:?}");
    let text = drawn(binary(), &["--shared"]);
    assert!(text.contains("exe") && !text.contains("eventfd"), "{text}");
}

#[test]
fn a_process_that_is_named_twice_is_mapped_once() {
    let pid = std::process::id().to_string();
    let own = File::open("/proc/self/exe").unwrap();
    let map: Value = serde_json::from_str(&drawn(binary(), &["--json", &pid])).unwrap();
    let map = map["descriptions"].as_array().unwrap().clone();
    assert_eq!(sharing(&map, own.as_raw_fd()), [own.as_raw_fd()]);
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
fn what_looks_alike_is_marked_where_nothing_can_be_compared() {
    let mut file = File::open("/proc/self/exe").unwrap();
    let duplicate = file.try_clone().unwrap();
    let mut moved = File::open("/proc/self/exe").unwrap();
    let alike = File::open("/proc/self/exe").unwrap();
    file.seek(SeekFrom::Start(5)).unwrap();
    moved.seek(SeekFrom::Start(6)).unwrap();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let watched = EventFd::new().unwrap();
    epoll
        .add(&watched, EpollEvent::new(EpollFlags::EPOLLIN, 0))
        .unwrap();
    let calls = [libc::SYS_kcmp, libc::SYS_pidfd_getfd];
    for (errno, name) in [(Errno::EPERM, "EPERM"), (Errno::ENOSYS, "ENOSYS")] {
        let map = drawn(without(&calls, errno), &["--without-bpf", "--json"]);
        let map: Value = serde_json::from_str(&map).unwrap();
        assert!(map["refused"].as_str().unwrap().contains(name), "{map}");
        assert_eq!(map["identity"], "fdinfo");
        let all = map["descriptions"].as_array().unwrap();
        let of = |fd: &dyn AsRawFd| {
            let number = i64::from(fd.as_raw_fd());
            let has = |d: &&Value| {
                d["holders"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|h| h["fd"] == number)
            };
            all.iter().find(has).unwrap()
        };
        assert_eq!(of(&file)["certain"], false);
        assert_eq!(of(&file), of(&duplicate));
        // Its offset may have moved between two looks.
        assert_eq!(of(&moved)["certain"], false);
        assert_ne!(of(&file), of(&moved));
        assert_ne!(of(&file), of(&alike));
        // Whether the registration's number is still its descriptor cannot be told.
        assert_eq!(of(&epoll.0)["watches"][0]["ghost"], Value::Null);
        let text = drawn(without(&calls, errno), &["--without-bpf"]);
        assert!(text.starts_with("refused: kcmp"), "{text}");
        assert!(text.contains("offset 5  MAYBE\n"), "{text}");
        assert!(!text.contains("GHOST"), "{text}");
    }
}

#[test]
fn a_process_that_does_not_exist_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_open-files"))
        .args(["map", "4194304"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no process 4194304"));
}

/// A process of the kernel's own, and a name that nothing has, once printed nothing.
#[test]
fn a_map_of_nothing_says_why() {
    let is_kernel_thread = observe::stat::read(2).is_ok_and(|stat| stat.is_kernel_thread());
    if is_kernel_thread {
        let output = binary().args(["map", "2"]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(
            error.contains("is a kernel thread, which has no descriptors"),
            "{error}"
        );
    }
    let pid = std::process::id().to_string();
    let mut command = binary();
    let output = command.args(["map", &pid, "--object", "/nothing/of this name"]);
    let output = output.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let note = "note: nothing that was asked for is open there\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), note);
}

/// A process that refuses to be looked into, as process 1 may even to root, is one line and is
/// never left out, whichever way the others are seen.
#[test]
fn a_process_that_refuses_is_one_denied_line() {
    let is_refused = std::fs::read_to_string("/proc/1/fdinfo/0").is_err();
    let count = std::fs::metadata("/proc/1/fd").map(|it| std::os::unix::fs::MetadataExt::size(&it));
    if !is_refused || !count.is_ok_and(|count| count > 0) {
        return;
    }
    for options in [&["--json"][..], &["--json", "--without-bpf"]] {
        let output = binary().arg("map").args(options).arg("1").output().unwrap();
        let map: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(map["denied"][0]["pid"], 1, "{map}");
        assert_eq!(map["unreadable"].as_array().unwrap().len(), 0, "{map}");
    }
}
