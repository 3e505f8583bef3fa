//! A pre-forked server: four children inherit one listening socket and accept from its one queue.
//!
//! - run: `cargo run -p accept-queue --example preforked_server -- 127.0.0.1:8080 3`, and from
//!   another terminal three times `curl http://127.0.0.1:8080/`; without the 3 it ends at Ctrl-C
//! - expect: all children wait at one socket, and each request is answered by one of them
//! - strace: `strace -f -e trace=listen,clone,accept4,sendto
//!   target/debug/examples/preforked_server 127.0.0.1:8080 3`
//! - claim: `witness run listener-shared-by-fork workers-sleep-on-one-queue`
#![expect(clippy::print_stdout, reason = "a demonstration prints what it does")]
#![expect(clippy::disallowed_methods, unsafe_code, reason = "fork")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, PipeWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let address = words.next().unwrap_or("127.0.0.1:8080".to_owned());
    let requests = words.next().map_or(Ok(usize::MAX), |word| word.parse())?;
    println!("expect    4 children wait at one socket; one of them answers each request");
    let listener = TcpListener::bind(&address).with_context(|| format!("bind {address}"))?;
    let (from_children, to_parent) = std::io::pipe().context("pipe2")?;
    let (parent, mut children) = (getpid(), Vec::new());
    // ANCHOR: fork
    for _ in 0..4 {
        // SAFETY: there is one thread, so no lock is held that the child will need.
        match unsafe { fork() }.context("fork")? {
            ForkResult::Child => return serve(&listener, to_parent, parent),
            ForkResult::Parent { child } => children.push(child),
        }
    }
    drop(to_parent);
    // ANCHOR_END: fork
    let fd = listener.as_raw_fd();
    let link = |child: &Pid| std::fs::read_link(format!("/proc/{child}/fd/{fd}"));
    let sockets: BTreeSet<_> = children.iter().map(link).collect::<Result<_, _>>()?;
    println!("observed  sockets that they wait at: {}", sockets.len());
    println!("listening on http://{}/", listener.local_addr()?);
    for line in BufReader::new(from_children).lines().take(requests) {
        println!("accept4   child {}", line?);
    }
    Ok(())
}

/// What a child does until it is killed: the kernel does that when its parent ends.
// ANCHOR: serve
fn serve(listener: &TcpListener, mut to_parent: PipeWriter, parent: Pid) -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).context("prctl PR_SET_PDEATHSIG")?;
    while getppid() == parent {
        let (connection, client) = listener.accept().context("accept4")?;
        let outcome = answer(connection).map_or_else(|error| error.to_string(), str::to_owned);
        // By one write, which the kernel does not mix with another's (pipe(7)).
        let line = format!("{}, client {client}: {outcome}\n", getpid());
        to_parent.write_all(line.as_bytes())?;
    }
    Ok(())
}
// ANCHOR_END: serve

/// Reads the head of a request, waiting at most 5 s for each part of it, and says who answers.
fn answer(mut connection: TcpStream) -> std::io::Result<&'static str> {
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    for line in BufReader::new((&connection).take(8192)).lines() {
        if line?.is_empty() {
            break;
        }
    }
    let body = format!("hello from process {}\n", getpid());
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", body.len());
    connection.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes())?;
    Ok("answered")
}
