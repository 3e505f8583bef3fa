//! Where the waiting processes are, by the kernel's own account: asleep in accept, on one socket.

use std::collections::HashSet;

use anyhow::{Context, Result};
use claim::{Arm, Claim, Name, NotMeasured, Quantity, Reading, Table};
use observe::process;
use observe::wchan::{self, Blocked};
use prefork::Metering;

use super::sleepers::{listening, sleepers};
use super::start;

const WORKERS: usize = 4;

const CHANNEL: Quantity =
    Name("workers whose wait channel is inet_csk_accept").count(WORKERS as u64, 0);
const CALL: Quantity =
    Name("workers blocked in accept4 on a listening socket").count(WORKERS as u64, 0);
const SOCKETS: Quantity = Name("sockets that they listen on").count(1, WORKERS as u64);

pub(super) const CLAIM: Claim = Claim {
    id: "workers-sleep-on-one-queue",
    statement: "Processes that call accept on one socket enter the kernel and sleep there, all on \
                that socket.",
    measures: "Four forked workers call accept. /proc/PID/wchan tells the kernel function in which \
               each sleeps, /proc/PID/syscall the call and its descriptor, /proc/PID/fd what that \
               descriptor is.",
    control: "four workers that sleep in poll, each on a listening socket of its own",
    notes: &[10],
    needs: &["/proc/PID/wchan and /proc/PID/syscall of a child of one's own"],
    syscalls: &["accept4"],
    man: &["accept(2)", "proc_pid_wchan(5)", "proc_pid_syscall(5)"],
    quantities: &[CHANNEL, CALL, SOCKETS],
    measure,
    ..Claim::DEFAULT
};

fn measure(arm: Arm) -> Result<Reading> {
    let mut herds = Vec::new();
    match arm {
        Arm::Experiment => herds.push(start("blocking", WORKERS, Metering::Counts)?.0),
        Arm::Control => {
            for _ in 0..WORKERS {
                herds.push(start("poll", 1, Metering::Counts)?.0);
            }
        }
    }
    let (mut in_accept, mut in_call) = (0u64, 0u64);
    let mut sockets = HashSet::new();
    let columns = ["pid", "wait channel", "system call", "descriptor refers to"];
    let mut table = Table::new("the workers, asleep", &columns);
    for herd in &mut herds {
        herd.wait_until_asleep()?;
        let listening = listening()?;
        for sleeper in sleepers(herd)? {
            let pid = sleeper.pid;
            let channel = wchan::read(pid)?.ok_or_else(|| {
                let why = format!("/proc/{pid}/wchan does not tell where an own child sleeps");
                NotMeasured::new(
                    why,
                    "use a kernel with CONFIG_KALLSYMS, outside of a sandbox",
                )
            })?;
            let accepts = sleeper.accepts();
            // accept has its socket as an argument. Another call has no such argument, so there
            // the worker's open listening socket is taken.
            let socket = if accepts {
                sleeper.descriptor()?
            } else {
                listening_socket(pid, &listening)?
            };
            in_accept += u64::from(channel == "inet_csk_accept");
            in_call += u64::from(accepts && listening.contains(&socket));
            let name = if accepts { "accept4" } else { "another" };
            let Blocked { number, arguments } = sleeper.call;
            table.row([
                pid.to_string(),
                channel,
                format!("{name} ({number}) {:#x}", arguments[0]),
                socket.clone(),
            ]);
            sockets.insert(socket);
        }
    }
    Ok(Reading::kernel()
        .with(&CHANNEL, in_accept)
        .with(&CALL, in_call)
        .with(&SOCKETS, sockets.len())
        .table(table))
}

/// The socket of `listening` among the descriptors of process `pid`: `socket:[inode]`.
fn listening_socket(pid: i32, listening: &[String]) -> Result<String> {
    let mut links = process::descriptors(pid)?
        .into_iter()
        .filter_map(|fd| process::link(pid, fd).ok());
    links
        .find(|link| listening.contains(link))
        .with_context(|| format!("process {pid} has no listening socket"))
}
