//! A network namespace of a child's own, and a host that never changes.

use std::fs;

use nix::errno::Errno;
use nix::libc;

use crate::process::{check_text, ensure, error_of};
use crate::withheld::under;
use crate::{Case, Outcome};

pub const CASES: &[Case] = &[
    ("a setting of an own network is not the host's", own_setting),
    ("a namespace that was not made is an error", no_namespace),
    ("a loopback that is up is left alone", loopback),
];

const SETTING: &str = "net.core.somaxconn";
const FILE: &str = "/proc/sys/net/core/somaxconn";

fn own_setting() -> Outcome {
    let host = fs::read_to_string(FILE)?;
    let child = child::fork("own network", |parent| {
        let network = parent.enter_network()?;
        let inside = match network.set(SETTING, 77) {
            // /proc/sys may be read-only, or another user's.
            Err(Errno::EROFS | Errno::EACCES | Errno::EPERM) => None,
            set => Some((set?, fs::read_to_string(FILE)?).1),
        };
        for name in [
            "kernel.hostname",
            "net/core/somaxconn",
            "net.core/../somaxconn",
        ] {
            if network.set(name, 77) != Err(Errno::EINVAL) {
                return Err(format!("{name} was taken for a setting of the network").into());
            }
        }
        Ok(inside)
    })?;
    let inside = match child.join() {
        Err(error) if error.to_string().contains("EPERM") => {
            println!("skipped: {error}");
            return Ok(());
        }
        inside => inside?,
    };
    ensure(inside.is_none_or(|inside| inside == "77\n"), || {
        "not set".into()
    })?;
    let after = fs::read_to_string(FILE)?;
    ensure(after == host, || format!("the host has {after} now"))
}

fn no_namespace() -> Outcome {
    for (errno, told) in [
        (
            0,
            "not measured: unshare CLONE_NEWNET did nothing: this kernel has no network \
             namespaces of its own (still in net:[",
        ),
        (
            Errno::EPERM as i32,
            "unshare CLONE_NEWUSER | CLONE_NEWNET: EPERM",
        ),
        (Errno::ENOSPC as i32, "unshare CLONE_NEWNET: ENOSPC"),
    ] {
        let host = fs::read_to_string(FILE)?;
        let error = under(errno, &[libc::SYS_unshare], || {
            let child = child::fork("nowhere", |parent| {
                Ok(parent.enter_network()?.set(SETTING, 77)?)
            })?;
            let error = child.join().err().ok_or("no error")?;
            // A kernel that answers and does nothing lacks something: that is not measured.
            let obstacle = operation::find_obstacle(&error);
            let found = obstacle.map_or_else(String::new, |it| format!("not measured: {}", it.why));
            Err(format!("{error}; {found}").into())
        });
        let error = error.err().ok_or("no error")?.to_string();
        ensure(error.contains(told), || {
            format!("`{told}` is missing in: {error}")
        })?;
        ensure(fs::read_to_string(FILE)? == host, || {
            "the host was changed".into()
        })?;
    }
    Ok(())
}

fn loopback() -> Outcome {
    let same = child::fork("as before", |parent| {
        let before = fs::read_link("/proc/self/ns/net")?;
        let up = std::net::UdpSocket::bind("127.0.0.1:0")?.connect("127.0.0.1:9");
        parent.ensure_loopback()?;
        Ok(up.is_err() || fs::read_link("/proc/self/ns/net")? == before)
    })?;
    ensure(same.join()?, || "it went into another namespace".into())?;
    let raised = child::fork("raised", |parent| {
        parent.enter_network()?;
        // In the new namespace, whose loopback goes down, there is none any more.
        let down = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET);
        let way = || std::net::UdpSocket::bind("0.0.0.0:0")?.connect("127.0.0.1:9");
        let before = way();
        parent.ensure_loopback()?;
        way()?;
        Ok(down.is_err() || before.is_err())
    })?;
    match raised.join() {
        Ok(raised) => ensure(raised, || "it was up from the start".into()),
        Err(error) => check_text(&error_of(Err::<(), _>(error))?, &["EPERM"]),
    }
}
