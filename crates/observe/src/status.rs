//! `/proc/PID/status`: counters and sizes of a process or thread (proc_pid_status(5)).

use crate::{Error, read_text};

/// The fields that are read; those missing from the text are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// State letter: `S` sleeping, `R` running, `D`, `T`, `Z`.
    pub state: char,
    /// The process's parent (PPid); 0 where that is in no PID namespace of this process's.
    pub parent: i32,
    /// Threads of the process.
    pub threads: u64,
    /// Slots in the descriptor table.
    pub fd_size: u64,
    /// Resident set in KiB.
    pub resident_kib: u64,
    /// Times that the thread slept or blocked, and so gave the CPU up.
    pub voluntary_switches: u64,
    /// Times that it was preempted, or called sched_yield(2) while another thread was ready.
    pub involuntary_switches: u64,
    /// Address space in KiB; none for a zombie and a kernel thread, which have none.
    pub virtual_kib: Option<u64>,
    /// Private writable mappings without the stack, in KiB, as RLIMIT_DATA counts them; none as
    /// above.
    pub data_kib: Option<u64>,
    /// Effective capabilities (CapEff): bit `n` for capability `n` of linux/capability.h.
    pub effective_capabilities: u64,
    /// Process id of the process that traces it (TracerPid); 0 for none.
    pub tracer: i32,
    /// The CPUs on which it may run (Cpus_allowed_list), as the kernel lists them: `0-3,8`.
    pub allowed_cpus: String,
}

/// Reads the status of process or thread `pid`.
///
/// # Errors
/// ENOENT or ESRCH where no such process exists, EACCES where /proc hides it.
pub fn read(pid: i32) -> Result<Status, Error> {
    Ok(parse(&read_text(format!("/proc/{pid}/status"))?))
}

/// Whether this kernel counts context switches at all, as its status of process `pid` shows it:
/// gVisor has no such lines.
///
/// # Errors
/// As [`read`].
pub fn counts_switches(pid: i32) -> Result<bool, Error> {
    Ok(read_text(format!("/proc/{pid}/status"))?.contains("voluntary_ctxt_switches:"))
}

/// Parses the file's text.
pub fn parse(text: &str) -> Status {
    let mut status = Status {
        state: '?',
        ..Status::default()
    };
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let word = value.split_whitespace().next().unwrap_or("");
        let number = || word.parse().unwrap_or(0);
        let mask = || u64::from_str_radix(word, 16).unwrap_or(0);
        match key {
            "State" => status.state = word.chars().next().unwrap_or('?'),
            "PPid" => status.parent = word.parse().unwrap_or(0),
            "Threads" => status.threads = number(),
            "FDSize" => status.fd_size = number(),
            "VmRSS" => status.resident_kib = number(),
            "voluntary_ctxt_switches" => status.voluntary_switches = number(),
            "nonvoluntary_ctxt_switches" => status.involuntary_switches = number(),
            "VmSize" => status.virtual_kib = word.parse().ok(),
            "VmData" => status.data_kib = word.parse().ok(),
            "CapEff" => status.effective_capabilities = mask(),
            "TracerPid" => status.tracer = word.parse().unwrap_or(0),
            "Cpus_allowed_list" => status.allowed_cpus = word.to_owned(),
            _ => {}
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn saved_text() {
        let text = "Name:\tcat\nState:\tS (sleeping)\nPPid:\t41\nTracerPid:\t7\n\
            FDSize:\t256\nVmSize:\t    2048 kB\nVmData:\t     512 kB\nVmRSS:\t    1024 kB\n\
            CapEff:\t000001ffffffffff\nCpus_allowed_list:\t0-3,8\n\
            Threads:\t1\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        let expected = Status {
            state: 'S',
            parent: 41,
            threads: 1,
            fd_size: 256,
            resident_kib: 1024,
            voluntary_switches: 12,
            involuntary_switches: 3,
            virtual_kib: Some(2048),
            data_kib: Some(512),
            effective_capabilities: 0x1ff_ffff_ffff,
            tracer: 7,
            allowed_cpus: "0-3,8".to_owned(),
        };
        assert_eq!(parse(text), expected);
        assert_eq!(parse("Name:\tzombie\n").virtual_kib, None);
        assert_eq!(
            read(std::process::id() as i32).map(|s| s.threads >= 1),
            Ok(true)
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "(?s)((State|VmRSS|Threads|VmSize|CapEff):)?.{0,200}") {
            parse(&text);
        }
    }
}
