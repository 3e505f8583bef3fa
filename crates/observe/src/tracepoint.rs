//! How often a tracepoint was hit for given processes: perf_event_open(2), one counter a CPU for
//! any process, filtered by the event's own field.
//!
//! Two easier ways read wrong without a word and cannot be expressed here: one counter on a process
//! and cpu = -1 (a sleeping process is woken from elsewhere: 0), and `exclude_kernel` (tracepoints
//! lie in the kernel: 0). A counter that this kernel fools all the same is found by checking it
//! against a known number of events before it is used.
#![expect(
    unsafe_code,
    reason = "perf_event_open and its ioctls, which nix does not have"
)]

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use crate::{Error, Operation, cpus, tracefs};

/// `struct perf_event_attr` of `include/uapi/linux/perf_event.h`, as far as its first version
/// (`PERF_ATTR_SIZE_VER0`).
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    /// Bit 0 is `disabled`; all others, `exclude_kernel` among them, stay 0.
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
}

const _: () = assert!(size_of::<Attributes>() == 64);

const PERF_TYPE_TRACEPOINT: u32 = 2;
const DISABLED: u64 = 1;
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;
/// `_IO('$', 0)`.
const PERF_EVENT_IOC_ENABLE: libc::Ioctl = 0x2400;
/// `_IOW('$', 6, char *)`.
const PERF_EVENT_IOC_SET_FILTER: libc::Ioctl = 0x4008_2406;

/// Processes in one filter: the kernel takes a page of text.
const PIDS_A_FILTER: usize = 200;

/// Counts how often processes were woken: hits of `sched:sched_waking` with their `pid`.
#[derive(Debug)]
pub struct Wakeups {
    counters: Vec<File>,
}

impl Wakeups {
    /// Starts to count the wakeups of the threads `pids`, as the initial pid namespace numbers
    /// them.
    ///
    /// # Errors
    /// EACCES or EPERM without CAP_PERFMON or without access to tracefs (needs CAP_SYS_ADMIN),
    /// EMFILE where the descriptor table is full.
    pub fn start(pids: &[i32]) -> Result<Self, Error> {
        let id = tracefs::id("sched/sched_waking")?;
        let cpus = cpus::online()?;
        let mut counters = Vec::new();
        for pids in pids.chunks(PIDS_A_FILTER) {
            let filter = filter(pids);
            for &cpu in &cpus {
                let counter = counter(id, cpu, &filter).map_err(|errno| {
                    let what = format!("perf_event_open sched:sched_waking cpu {cpu}");
                    Error::new(what, errno).with_kind(Operation::Tracepoint)
                })?;
                counters.push(counter);
            }
        }
        Ok(Wakeups { counters })
    }

    /// How many descriptors [`Wakeups::start`] so many threads holds: a counter for each CPU that
    /// is online, for each filter.
    ///
    /// # Errors
    /// The CPUs that are online cannot be read.
    pub fn descriptors(threads: usize) -> Result<usize, Error> {
        Ok(cpus::online()?.len() * threads.div_ceil(PIDS_A_FILTER))
    }

    /// Wakeups since the start, over all CPUs.
    ///
    /// # Errors
    /// That of read(2).
    pub fn read(&self) -> Result<u64, Error> {
        let mut sum = 0u64;
        for mut counter in &self.counters {
            let mut value = [0; 8];
            counter
                .read_exact(&mut value)
                .map_err(|e| Error::from_io("read the counter of sched:sched_waking", &e))?;
            sum = sum.wrapping_add(u64::from_ne_bytes(value));
        }
        Ok(sum)
    }
}

/// `pid >= LEAST && pid <= MOST && (pid == A || ...)`. The bounds come first because every wakeup
/// on the machine goes through the filter: those of other processes are to leave it at once.
fn filter(pids: &[i32]) -> String {
    let (least, most) = (pids.iter().min(), pids.iter().max());
    let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
    let terms: Vec<String> = pids.iter().map(|pid| format!("pid == {pid}")).collect();
    format!(
        "pid >= {least} && pid <= {most} && ({})",
        terms.join(" || ")
    )
}

/// One counter of tracepoint `id` on `cpu`, for whatever runs there, with `filter`.
fn counter(id: u64, cpu: usize, filter: &str) -> Result<File, Errno> {
    let filter = CString::new(filter).map_err(|_| Errno::EINVAL)?;
    let attributes = Attributes {
        kind: PERF_TYPE_TRACEPOINT,
        size: size_of::<Attributes>() as u32,
        config: id,
        flags: DISABLED,
        ..Attributes::default()
    };
    const ANY_PROCESS: libc::pid_t = -1;
    const NO_GROUP: RawFd = -1;
    // SAFETY: the structure says its own size and lives until the call returns; the rest are
    // integers.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &attributes,
            ANY_PROCESS,
            cpu,
            NO_GROUP,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    let fd = Errno::result(fd)?;
    // SAFETY: the kernel has just made this descriptor for us; nothing else knows its number.
    let counter = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    // SAFETY: the request reads a string that ends in NUL and outlives the call.
    let filtered = unsafe {
        libc::ioctl(
            counter.as_raw_fd(),
            PERF_EVENT_IOC_SET_FILTER,
            filter.as_ptr(),
        )
    };
    Errno::result(filtered)?;
    // SAFETY: the request takes an integer.
    let enabled = unsafe { libc::ioctl(counter.as_raw_fd(), PERF_EVENT_IOC_ENABLE, 0) };
    Errno::result(enabled)?;
    Ok(counter.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_fits_a_page() {
        assert_eq!(
            filter(&[7, 9]),
            "pid >= 7 && pid <= 9 && (pid == 7 || pid == 9)"
        );
        // The largest pid is 2^22.
        assert!(filter(&[4_194_304; PIDS_A_FILTER]).len() < 4096);
    }

    #[test]
    fn the_layout_is_the_kernels() {
        assert_eq!(std::mem::offset_of!(Attributes, flags), 40);
        assert_eq!(std::mem::offset_of!(Attributes, config1), 56);
    }
}
