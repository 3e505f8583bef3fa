//! What can be told apart where a process cannot be looked at.

use inspect::{Error, inspect};

#[test]
fn a_number_without_a_process_is_no_such_process() {
    // Larger than any process id that Linux gives (proc_sys_kernel(5), pid_max).
    match inspect(i32::MAX) {
        Err(Error::NoSuchProcess { pid: i32::MAX }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_kernel_thread_has_no_address_space() {
    let name = std::fs::read_to_string("/proc/2/comm").unwrap_or_default();
    if name.trim() != "kthreadd" {
        // In a container process 2 is another one, or none.
        return;
    }
    match inspect(2) {
        Err(Error::KernelThread { pid: 2, command }) => assert_eq!(command, "kthreadd"),
        other => panic!("{other:?}"),
    }
}
