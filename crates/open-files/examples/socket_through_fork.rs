//! A socket is the object behind its descriptors, as an inode is behind a file's: after dup and
//! fork there is one cookie (SO_COOKIE: no two sockets have the same) and one receive queue.
//!
//! - run: `cargo run -p open-files --example socket_through_fork`
//! - expect: two messages are sent; the child receives one, and one is left for the parent
//! - strace: `strace -f -e trace=bind,dup,clone,sendto,recvfrom,getsockopt
//!   target/debug/examples/socket_through_fork`
//! - claim: `witness run socket-is-the-object`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(clippy::disallowed_methods, unsafe_code, reason = "fork")]

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::UdpSocket;

use anyhow::{Context, Result, ensure};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, dup, fork};
use socket2::SockRef;

fn main() -> Result<()> {
    println!("expect    one socket behind 3 descriptors in 2 processes, and one queue for both");
    println!("bind      a UDP socket of this host's own");
    let socket = UdpSocket::bind("127.0.0.1:0").context("bind")?;
    let address = socket.local_addr().context("getsockname")?;
    println!("dup       a second descriptor of it");
    let duplicate = UdpSocket::from(dup(&socket).context("dup")?);
    println!("sendto    two messages to {address}, `one` and `two`");
    for message in ["one", "two"] {
        socket.send_to(message.as_bytes(), address)?;
    }
    println!("fork      the child gets a copy of the table, and no copy of the socket");
    let (mut from_child, mut to_parent) = std::io::pipe().context("pipe2")?;
    // ANCHOR: child
    // SAFETY: there is one thread, so no lock is held that the child will need.
    let child = match unsafe { fork() }.context("fork")? {
        ForkResult::Child => {
            let mut message = [0; 3];
            socket.recv(&mut message).context("recvfrom")?;
            println!("recvfrom  the child takes `{}`", message.escape_ascii());
            let cookie = SockRef::from(&socket).cookie().context("SO_COOKIE")?;
            return write!(to_parent, "{cookie}").context("write");
        }
        ForkResult::Parent { child } => child,
    };
    // ANCHOR_END: child
    drop(to_parent);
    let mut seen_by_child = String::new();
    from_child.read_to_string(&mut seen_by_child)?;
    let status = waitpid(child, None).context("waitpid")?;
    let ended_well = matches!(status, WaitStatus::Exited(_, 0));
    ensure!(ended_well, "the child: {status:?}");

    let mut cookies = BTreeSet::from([seen_by_child.parse::<u64>().context("a cookie")?]);
    for socket in [&socket, &duplicate] {
        cookies.insert(SockRef::from(socket).cookie().context("SO_COOKIE")?);
    }
    println!("recvfrom  the parent takes what is left");
    socket.set_nonblocking(true).context("ioctl FIONBIO")?;
    let mut left = 0;
    loop {
        match socket.recv(&mut [0; 3]) {
            Ok(_) => left += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error).context("recvfrom"),
        }
    }
    let objects = cookies.len();
    println!("observed  cookies behind 3 descriptors in 2 processes: {objects}");
    println!("observed  messages left of 2 after the child received one: {left}");
    Ok(())
}
