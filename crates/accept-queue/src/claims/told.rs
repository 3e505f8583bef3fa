//! How long the queue of a listening socket is, where TCP_INFO tells it and where not.

use std::net::{TcpListener, TcpStream};

use anyhow::Result;
use claim::NotMeasured;
use observe::sock_diag::ESTABLISHED;
use observe::{sysctl, tcp_info};

/// Whether TCP_INFO of `listener`, which asked for a backlog above 0, tells its backlog and its
/// queue: so it does on Linux. On gVisor both fields of a listener are 0 always.
///
/// # Errors
/// Those of getsockopt(2) and of /proc/sys.
pub(super) fn is_queue_told(listener: &TcpListener) -> Result<bool> {
    // A backlog that is 0 in truth is one that was cut to that.
    Ok(tcp_info::read(listener)?.sacked > 0 || sysctl::read(sysctl::SOMAXCONN)? == 0)
}

/// Makes sure that TCP_INFO tells the queue of `listener`.
///
/// # Errors
/// Not measured: it does not.
pub(super) fn ensure_queue_is_told(listener: &TcpListener) -> Result<()> {
    if is_queue_told(listener)? {
        return Ok(());
    }
    NotMeasured::err(
        "TCP_INFO of a listening socket tells neither its backlog nor how many connections wait",
        "use a kernel whose TCP_INFO does, as that of Linux",
    )
}

/// The backlog in force at `listener`, which asked for `asked`: by TCP_INFO, and where that does
/// not tell by what listen(2) says that net.core.somaxconn does to it.
///
/// # Errors
/// As [`is_queue_told`].
pub(super) fn backlog(listener: &TcpListener, asked: i32) -> Result<u64> {
    if is_queue_told(listener)? {
        return Ok(tcp_info::read(listener)?.sacked.into());
    }
    let most = sysctl::read(sysctl::SOMAXCONN)?;
    Ok(most.min(asked.unsigned_abs().into()))
}

/// How many of `clients` have a connection that nobody has accepted and closed: as they see it.
///
/// # Errors
/// That of getsockopt(2).
pub(super) fn count_open(clients: &[TcpStream]) -> Result<u32> {
    let mut count = 0;
    for client in clients {
        count += u32::from(tcp_info::read(client)?.state == ESTABLISHED);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use prefork::{Accept, Site};

    use super::*;

    /// Both ways agree where both can be had.
    #[test]
    fn linux_tells_its_queues() {
        let listener = Site::loopback(1).listener(Accept::NonBlocking).unwrap();
        assert!(is_queue_told(&listener).unwrap());
        ensure_queue_is_told(&listener).unwrap();
        let most = sysctl::read(sysctl::SOMAXCONN).unwrap();
        assert_eq!(backlog(&listener, 4096).unwrap(), most.min(4096));
    }

    #[test]
    fn what_is_accepted_and_closed_waits_no_longer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let clients = [0; 2].map(|_| TcpStream::connect(address).unwrap());
        assert_eq!(count_open(&clients).unwrap(), 2);
        let accepted = listener.accept().unwrap();
        assert_eq!(count_open(&clients).unwrap(), 2);
        drop(accepted);
        // The queue is in order: it was the first client's.
        assert_eq!((&clients[0]).read(&mut [0]).unwrap(), 0);
        assert_eq!(count_open(&clients).unwrap(), 1);
    }
}
