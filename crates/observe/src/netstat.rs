//! `/proc/net/netstat`: counters of a network namespace, heads and values on alternate lines
//! (proc_net(5), Documentation/networking/snmp_counter.rst).

use crate::{Error, read_text};

/// SYNs and final ACKs that found an accept queue full, in this process's network namespace.
///
/// # Errors
/// ENOENT where the kernel has no TCP or no /proc, ENODATA where it does not count them.
pub fn listen_overflows() -> Result<u64, Error> {
    let path = "/proc/self/net/netstat";
    parse(&read_text(path)?, "TcpExt", "ListenOverflows")
        .ok_or_else(|| Error::no_data(format!("find ListenOverflows in {path}")))
}

/// The value of `name` in the section `section`.
pub fn parse(text: &str, section: &str, name: &str) -> Option<u64> {
    let of_section = |line: &&str| {
        line.split_once(':')
            .is_some_and(|(head, _)| head == section)
    };
    let mut lines = text.lines().filter(of_section);
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|head| head == name)?;
    values.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        let text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 7 9\n\
            IpExt: InNoRoutes ListenDrops\nIpExt: 1 2\n";
        assert_eq!(parse(text, "TcpExt", "ListenOverflows"), Some(7));
        assert_eq!(parse(text, "IpExt", "ListenDrops"), Some(2));
        assert_eq!(parse(text, "TcpExt", "Nothing"), None);
        assert!(listen_overflows().is_ok());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)(TcpExt:)?.{0,200}") {
            parse(&text, "TcpExt", "ListenDrops");
        }
    }
}
