//! A socket is a kernel object and a port is not: with SO_REUSEPORT many sockets listen on one
//! port, each an object of its own with a queue of its own.
//!
//! - run: `cargo run -p open-files --example four_sockets_on_one_port`
//! - expect: four sockets listen on one port; in the control the second bind is refused
//! - strace: `strace -f -e trace=socket,setsockopt,bind,listen,getsockopt
//!   target/debug/examples/four_sockets_on_one_port`
//! - claim: `witness run port-is-not-an-object`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use nix::sys::stat::fstat;
use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    println!("expect    with SO_REUSEPORT four sockets on one port, without it one");
    let shared = listen_on_one_port(true)?;
    let alone = listen_on_one_port(false)?;
    println!("observed  sockets that listen on one port: {shared}");
    println!("control   sockets that listen on one port: {alone}");
    Ok(())
}

/// Lets up to four sockets listen on one port, and says how many the kernel let.
fn listen_on_one_port(reuse_port: bool) -> Result<usize> {
    // Port 0: the kernel chooses a free one for the first socket.
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut sockets = Vec::new();
    for _ in 0..4 {
        // ANCHOR: sockets
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).context("socket")?;
        if reuse_port {
            socket
                .set_reuse_port(true)
                .context("setsockopt SO_REUSEPORT")?;
        }
        match socket.bind(&address.into()) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                println!("bind      {address}: EADDRINUSE, another socket has the port");
                continue;
            }
            bound => bound.context("bind")?,
        }
        address = socket
            .local_addr()?
            .as_socket()
            .context("no address of IPv4")?;
        socket.listen(16).context("listen")?;
        // ANCHOR_END: sockets
        let inode = fstat(socket.as_fd()).context("fstat")?.st_ino;
        let cookie = socket.cookie().context("getsockopt SO_COOKIE")?;
        println!("listen    {address}: inode {inode}, cookie {cookie}");
        sockets.push(socket);
    }
    Ok(sockets.len())
}
