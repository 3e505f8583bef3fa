//! References to a description that are no descriptors, and who has them, as far as the kernel
//! tells: mappings and messages in flight, by its iterators over all of them; calls that threads
//! are in the middle of.

use std::collections::HashMap;

use observe::bpf::btf::Btf;
use observe::bpf::{task_vma, unix_messages};
use observe::wchan::Blocked;
use observe::{Error, process, wchan};

use crate::gather::{Gathered, Place};
use crate::settle::Settled;
use crate::{Call, Hidden, InFlight, MappedAt};

/// System calls whose first argument is a descriptor and that may last. The kernel keeps a
/// reference for a call where several threads have the descriptor table.
const CALLS: &[i64] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_connect,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_io_uring_enter,
    libc::SYS_ioctl,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
];

/// Says of each description that has hidden references whose they are. Where more are found than
/// there were, they have moved, and nothing is said. `sockets` are inodes by address.
///
/// # Errors
/// Those of the iterator over the mappings.
pub(crate) fn explain(
    btf: &Btf,
    gathered: &Gathered,
    settled: &mut [Settled],
    addresses: &[u64],
    sockets: &HashMap<u64, u64>,
) -> Result<(), Error> {
    let references = |it: &Settled| it.hidden.as_ref().is_some_and(|it| it.references > 0);
    if !settled.iter().any(references) {
        return Ok(());
    }
    let mut mappings: HashMap<u64, Vec<MappedAt>> = HashMap::new();
    for row in task_vma::rows(btf)? {
        let (pid, start) = (row.pid, row.start);
        mappings
            .entry(row.file)
            .or_default()
            .push(MappedAt { pid, start });
    }
    let mut in_flight: HashMap<u64, Vec<InFlight>> = HashMap::new();
    // Linux before 5.15 has no such iterator: they are then elsewhere.
    for row in unix_messages::rows(btf).unwrap_or_default() {
        let socket = sockets.get(&row.socket).copied();
        in_flight
            .entry(row.file)
            .or_default()
            .push(InFlight { socket });
    }
    let mut blocked = BlockedThreads::new();
    for (it, address) in settled.iter_mut().zip(addresses) {
        let calls = match references(it) {
            true => calls_on(gathered, &it.members, &mut blocked),
            false => Vec::new(),
        };
        let mappings = mappings.remove(address).unwrap_or_default();
        let in_flight = in_flight.remove(address).unwrap_or_default();
        let hidden = it.hidden.take();
        it.hidden = hidden.and_then(|it| told(it.references, mappings, in_flight, calls));
    }
    Ok(())
}

fn told(
    references: u64,
    mappings: Vec<MappedAt>,
    in_flight: Vec<InFlight>,
    mut calls: Vec<Call>,
) -> Option<Hidden> {
    let found = (mappings.len() + in_flight.len()) as u64;
    let others = references.checked_sub(found)?;
    // A thread that was in its call when it was asked need not have been when references were
    // counted.
    calls.truncate(usize::try_from(others).ok()?);
    Some(Hidden {
        references,
        elsewhere: others - calls.len() as u64,
        mappings,
        in_flight,
        calls,
    })
}

/// The calls in which the threads of each process are, each process asked once.
type BlockedThreads = HashMap<i32, Vec<(i32, Blocked)>>;

/// The threads that are in the middle of a call on one of these descriptors.
fn calls_on(gathered: &Gathered, members: &[Place], blocked: &mut BlockedThreads) -> Vec<Call> {
    let mut calls = Vec::new();
    for place in members {
        let pid = gathered.tables[place.table].pid;
        for (tid, call) in blocked.entry(pid).or_insert_with(|| blocked_threads(pid)) {
            let is_on_it = call.arguments[0] == u64::from(place.fd.cast_unsigned());
            if is_on_it && CALLS.contains(&call.number) {
                let (tid, number) = (*tid, call.number);
                calls.push(Call { pid, tid, number });
            }
        }
    }
    calls
}

/// None where there is one thread, whose calls need no reference.
fn blocked_threads(pid: i32) -> Vec<(i32, Blocked)> {
    let threads = process::threads(pid).unwrap_or_default();
    if threads.len() < 2 {
        return Vec::new();
    }
    let call = |tid| Some((tid, wchan::read_syscall(tid).ok()??));
    threads.into_iter().filter_map(call).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_explained_is_elsewhere_and_what_does_not_fit_is_not_told() {
        let mappings = |count| {
            vec![
                MappedAt {
                    pid: 1,
                    start: 4096
                };
                count
            ]
        };
        let calls = |count| {
            let call = Call {
                pid: 1,
                tid: 2,
                number: libc::SYS_read,
            };
            vec![call; count]
        };
        let in_flight = |count| vec![InFlight { socket: None }; count];
        let hidden = told(5, mappings(1), in_flight(1), calls(1)).unwrap();
        assert_eq!((hidden.elsewhere, hidden.calls.len()), (2, 1));
        let hidden = told(1, mappings(1), in_flight(0), calls(1)).unwrap();
        assert_eq!((hidden.elsewhere, hidden.calls.len()), (0, 0));
        let moved = told(1, mappings(1), in_flight(1), calls(0));
        assert_eq!(moved, None, "mapped or sent meanwhile");
    }
}
