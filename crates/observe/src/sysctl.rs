//! `/proc/sys`: the kernel's settings that are numbers (proc_sys(5), sysctl(8)). Those under `net`
//! are of the network namespace of the process that reads.

use crate::{Error, read_text};

/// Mappings that a process may have (proc_sys_vm(5)).
pub const MAX_MAP_COUNT: &str = "vm.max_map_count";
/// The lowest address that an unprivileged process may map (proc_sys_vm(5)).
pub const MMAP_MIN_ADDR: &str = "vm.mmap_min_addr";
/// Threads that the whole system may have (proc_sys_kernel(5)).
pub const THREADS_MAX: &str = "kernel.threads-max";
/// What a listen backlog is cut to (listen(2)).
pub const SOMAXCONN: &str = "net.core.somaxconn";
/// Whether connections of a closed listener move to another one of its SO_REUSEPORT group
/// (Documentation/networking/ip-sysctl.rst).
pub const TCP_MIGRATE_REQ: &str = "net.ipv4.tcp_migrate_req";

/// Reads the number that setting `name` has. Of a setting with several numbers it is the first.
///
/// # Errors
/// That of reading the file; ENOENT where this kernel has no such setting; ENODATA where it is no
/// number.
pub fn read(name: &str) -> Result<u64, Error> {
    let path = path(name);
    parse(&read_text(&path)?).ok_or_else(|| Error::no_data(format!("find a number in {path}")))
}

/// The file of setting `name`: the dots of the name are the path's slashes.
pub fn path(name: &str) -> String {
    format!("/proc/sys/{}", name.replace('.', "/"))
}

/// Parses the file's text; none where it does not begin with a number.
pub fn parse(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        assert_eq!(parse("65530\n"), Some(65_530));
        assert_eq!(parse("4096\t131072\t6291456\n"), Some(4096));
        assert_eq!(parse("-1\n"), None);
        assert_eq!(path(MAX_MAP_COUNT), "/proc/sys/vm/max_map_count");
        assert!(read(MAX_MAP_COUNT).unwrap() > 0);
    }

    #[test]
    fn the_error_names_the_file() {
        let text = read("vm.no_such_setting").unwrap_err().to_string();
        assert!(text.contains("/proc/sys/vm/no_such_setting"), "{text}");
        let text = read("kernel.ostype").unwrap_err().to_string();
        assert!(text.contains("find a number in"), "{text}");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s).{0,60}") {
            parse(&text);
        }
    }
}
