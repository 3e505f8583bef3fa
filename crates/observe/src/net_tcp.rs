//! `/proc/net/tcp`, `tcp6`, `udp`, `udp6`: the sockets of a network namespace (proc_net(5),
//! Documentation/networking/proc_net_tcp.rst).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{Error, read_text};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Local address and port.
    pub local: SocketAddr,
    /// Remote address and port; 0 where there is none.
    pub remote: SocketAddr,
    /// State number, as in `include/net/tcp_states.h`: 1 ESTABLISHED, 6 TIME_WAIT, 10 LISTEN.
    pub state: u8,
    /// Bytes to be sent; on a listener the backlog.
    pub tx_queue: u32,
    /// Bytes to be read; on a listener the length of its accept queue.
    pub rx_queue: u32,
    /// Inode number of the socket; 0 for one that no file refers to.
    pub inode: u64,
}

/// Reads one of `tcp`, `tcp6`, `udp`, `udp6` of this process's network namespace.
///
/// # Errors
/// ENOENT where the kernel lacks the protocol.
pub fn rows(protocol: &str) -> Result<Vec<Row>, Error> {
    Ok(parse(&read_text(format!("/proc/self/net/{protocol}"))?))
}

/// Parses the file's text; the heading and damaged lines are left out.
pub fn parse(text: &str) -> Vec<Row> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (tx, rx) = words.get(4)?.split_once(':')?;
    Some(Row {
        local: address(words.get(1)?)?,
        remote: address(words.get(2)?)?,
        state: u8::from_str_radix(words.get(3)?, 16).ok()?,
        tx_queue: u32::from_str_radix(tx, 16).ok()?,
        rx_queue: u32::from_str_radix(rx, 16).ok()?,
        inode: words.get(9)?.parse().ok()?,
    })
}

/// `0100007F:1F90`: words of 32 bits, each printed as the processor holds it, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    if !address.is_ascii() {
        return None;
    }
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = address.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let bytes = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn saved_text() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when \
            retrnsmt   uid  timeout inode\n   \
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     \
            0        0 31337 1 0000000000000000 100 0 0 10 0\n";
        let rows = parse(text);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].local, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(
            (rows[0].state, rows[0].rx_queue, rows[0].inode),
            (10, 3, 31337)
        );
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn an_ipv6_address() {
        assert_eq!(
            address("00000000000000000000000001000000:0050"),
            Some("[::1]:80".parse().unwrap())
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s).{0,300}") {
            parse(&text);
        }

        #[test]
        fn addresses_never_panic(text in "[0-9A-Fa-fé:]{0,50}") {
            address(&text);
        }
    }
}
