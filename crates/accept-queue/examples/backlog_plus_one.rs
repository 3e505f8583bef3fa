//! The kernel completes connections and queues them at the listening socket, though nobody calls
//! accept. A queue with backlog B holds B + 1; the next SYN gets no answer.
//!
//! - run: `cargo run -p accept-queue --example backlog_plus_one`
//! - expect: with backlog 1 two connections are made; the third client asks again after 1 s
//! - strace: `strace -f -e trace=listen,connect,getsockopt,accept4
//!   target/debug/examples/backlog_plus_one`
//! - claim: `witness run queue-belongs-to-the-socket backlog-plus-one`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(unsafe_code, reason = "getsockopt of TCP_INFO")]

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::errno::Errno;
use socket2::{Domain, Socket, Type};

/// The state of a TCP socket that is connected (net/tcp_states.h).
const TCP_ESTABLISHED: u8 = 1;

fn main() -> Result<()> {
    println!("expect    with backlog 1 two clients are connected, and the third is not");
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).context("socket")?;
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    listener.bind(&any_port.into()).context("bind")?;
    println!("listen    with backlog 1; nobody calls accept");
    listener.listen(1).context("listen")?;
    let address = listener.local_addr().context("getsockname")?;

    let mut clients = Vec::new();
    for number in 1..=3 {
        // ANCHOR: connect
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).context("socket")?;
        client.set_nonblocking(true).context("fcntl O_NONBLOCK")?;
        match client.connect(&address) {
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            connected => connected.context("connect")?,
        }
        // Either an answer comes, or the client sends its SYN a second time.
        let state = loop {
            let info = tcp_info(&client)?;
            if info.tcpi_state == TCP_ESTABLISHED {
                break "ESTABLISHED";
            }
            if info.tcpi_total_retrans > 0 {
                break "no answer: its SYN was sent again";
            }
            std::thread::yield_now();
        };
        // ANCHOR_END: connect
        println!("connect   client {number}: {state}");
        clients.push(client);
    }
    // Of a socket that listens, this field is the length of its accept queue (tcp(7)).
    let waiting = tcp_info(&listener)?.tcpi_unacked;
    println!("observed  connections that wait with backlog 1: {waiting}");

    println!("accept4   takes what waits, one after the other");
    for _ in 0..waiting {
        let (_, client) = listener.accept().context("accept4")?;
        let address = client.as_socket().context("no address of IPv4")?;
        println!("          {address}");
    }
    Ok(())
}

fn tcp_info(socket: &Socket) -> Result<libc::tcp_info> {
    // SAFETY: the struct is numbers alone, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, and these are the struct's.
    let result = unsafe {
        let (fd, info) = (socket.as_raw_fd(), (&raw mut info).cast());
        libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, info, &raw mut length)
    };
    Errno::result(result).context("getsockopt TCP_INFO")?;
    Ok(info)
}
