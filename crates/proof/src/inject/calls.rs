//! Which system calls a claim makes, and how often, from a trace of strace(1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A system call that a claim makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its name, as strace prints it.
    pub name: String,
    /// How often the program itself made it, which only starts and judges.
    pub by_program: usize,
    /// How often that process of the claim made it that made it most.
    pub by_claim: usize,
}

/// Calls that are left alone: there is nothing to fail in them, or strace cannot take their effect
/// away.
const LEFT_ALONE: [&str; 5] = [
    "exit",
    "exit_group",
    "rt_sigreturn",
    "restart_syscall",
    "execve",
];

/// The calls that processes of the claim make, by name, from a trace with process ids (`strace -f
/// -o FILE`), of which the first is the program's.
pub fn calls(trace: &str) -> Vec<Call> {
    let mut counts: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    let mut program = None;
    for (pid, name) in trace.lines().filter_map(begun_call) {
        program.get_or_insert(pid);
        *counts.entry(name).or_default().entry(pid).or_default() += 1;
    }
    let by_name = counts.into_iter().filter_map(|(name, by_pid)| {
        let of_claim = by_pid.iter().filter(|(pid, _)| Some(**pid) != program);
        let by_claim = of_claim.map(|(_, count)| *count).max()?;
        let by_program = program.and_then(|pid| by_pid.get(pid));
        Some(Call {
            name: name.to_owned(),
            by_program: by_program.copied().unwrap_or_default(),
            by_claim,
        })
    });
    by_name
        .filter(|call| !LEFT_ALONE.contains(&&*call.name))
        .collect()
}

/// The process and the call that a line of the trace begins; none where the line ends a call, or
/// tells of a signal or an end.
fn begun_call(line: &str) -> Option<(&str, &str)> {
    let (pid, rest) = line.split_once(' ')?;
    let (name, _) = rest.trim_start().split_once('(')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (is_name && pid.bytes().all(|b| b.is_ascii_digit())).then_some((pid, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
100   execve(\"witness\", [\"witness\"], 0x7ffe) = 0
100   mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0) = 0x7f
100   clone(child_stack=NULL, flags=SIGCHLD) = 101
101   mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0) = 0x7f
101   mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0 <unfinished ...>
100   poll([{fd=3, events=POLLIN}], 1, 25000 <unfinished ...>
101   <... mmap resumed>) = 0x7f
101   clone(child_stack=NULL, flags=SIGCHLD) = 102
102   accept4(3, NULL, NULL, SOCK_CLOEXEC) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
102   --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER} ---
102   +++ killed by SIGTERM +++
101   exit_group(0) = ?
101   +++ exited with 0 +++
";

    #[test]
    fn only_calls_of_the_claims_processes_count() {
        let call = |name: &str, by_program, by_claim| Call {
            name: name.to_owned(),
            by_program,
            by_claim,
        };
        let expected = [
            call("accept4", 0, 1),
            call("clone", 1, 1),
            call("mmap", 1, 2),
        ];
        assert_eq!(calls(TRACE), expected);
        assert!(calls("").is_empty());
        assert!(calls("strace: Process 7 attached\n(\n7 (\n").is_empty());
    }
}
