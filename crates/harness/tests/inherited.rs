//! Every signal, ignored and blocked by the caller, and limits: a process is rid of them after
//! [`harness::inherited::reset`], and what it executes has them as if the caller had executed it.
//!
//! No harness: signals belong to a process, and libtest runs threads. Without arguments this
//! program starts itself and cat(1) for each case; with one it is the process that is looked at.
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]
#![expect(
    unsafe_code,
    reason = "signals and limits are set between fork and exec"
)]
#![expect(clippy::print_stdout, reason = "a test program's report")]

use std::error::Error;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use harness::inherited;
use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What cat(1) shows of itself.
const FILES: [&str; 2] = ["/proc/self/status", "/proc/self/limits"];
/// The line between this process's files and those of the program that it executes.
const EXECUTED: &str = "executed:";

/// What the caller does before exec.
#[derive(Clone, Copy, Debug)]
enum Case {
    Ignore(i32),
    Block(i32),
    Limit(Resource, u64),
}

fn main() -> Outcome<()> {
    if std::env::args().nth(1).is_some_and(|word| word == "reset") {
        return be_looked_at();
    }
    let signals = (1..=64).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal));
    let mut cases: Vec<Case> = signals
        .flat_map(|signal| [Case::Ignore(signal), Case::Block(signal)])
        .collect();
    cases.extend([
        Case::Limit(Resource::RLIMIT_STACK, 64 << 10),
        Case::Limit(Resource::RLIMIT_FSIZE, 0),
        Case::Limit(Resource::RLIMIT_CPU, 60),
        Case::Limit(Resource::RLIMIT_AS, 1 << 32),
    ]);
    for case in &cases {
        check(*case).map_err(|error| format!("{case:?}: {error}"))?;
    }
    println!("{} cases", cases.len());
    Ok(())
}

/// Prints what this process has after the reset, and what a program has that it executes.
fn be_looked_at() -> Outcome<()> {
    inherited::reset();
    for file in FILES {
        print!("{}", std::fs::read_to_string(file)?);
    }
    let executed = inherited::restore_in(Command::new("cat").args(FILES)).output()?;
    print!("{EXECUTED}\n{}", String::from_utf8(executed.stdout)?);
    Ok(())
}

fn check(case: Case) -> Outcome<()> {
    let direct = output(case, Command::new("cat").args(FILES))?;
    let ours = output(case, Command::new(std::env::current_exe()?).arg("reset"))?;
    let (own, executed) = ours.split_once(EXECUTED).ok_or("nothing executed")?;
    for name in ["SigIgn:", "SigBlk:", "Max "] {
        let expected = lines(&direct, name);
        let seen = lines(executed, name);
        if expected.is_empty() || seen != expected {
            return Err(format!("executed: {seen:?}, started with: {expected:?}").into());
        }
    }
    let kept = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];
    let mut ignored = bit(libc::SIGPIPE) | bit(libc::SIGXFSZ);
    match case {
        Case::Ignore(signal) if kept.contains(&signal) => ignored |= bit(signal),
        Case::Limit(resource, soft) => {
            let raised = lines(own, "Max ") != lines(&direct, "Max ");
            let (_, hard) = getrlimit(resource)?;
            if !raised && hard > soft {
                return Err("the soft limit was not raised".into());
            }
        }
        _ => {}
    }
    for (name, expected) in [("SigIgn:", ignored), ("SigBlk:", 0)] {
        let seen = lines(own, name).join("");
        let expected = format!("{name}\t{expected:016x}");
        if seen != expected {
            return Err(format!("after the reset: {seen}, not {expected}").into());
        }
    }
    Ok(())
}

fn lines<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(name)).collect()
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// What `command` prints, started in the way of `case`.
fn output(case: Case, command: &mut Command) -> Outcome<String> {
    // SAFETY: system calls alone are made between fork and exec, and nothing is allocated.
    unsafe { command.pre_exec(move || prepare(case)) };
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn prepare(case: Case) -> io::Result<()> {
    match case {
        Case::Limit(resource, soft) => {
            let (_, hard) = getrlimit(resource)?;
            setrlimit(resource, soft.min(hard), hard)?;
        }
        // The C library refuses two of the signals; the kernel does not.
        Case::Ignore(signal) => {
            // struct sigaction of the kernel: SIG_IGN, no flags, no mask.
            let action = [libc::SIG_IGN, 0, 0, 0];
            let none = std::ptr::null_mut::<usize>();
            // SAFETY: to ignore a signal runs no code.
            let call =
                unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, &action, none, 8_usize) };
            Errno::result(call)?;
        }
        Case::Block(signal) => {
            let set = bit(signal);
            let none = std::ptr::null_mut::<u64>();
            let how = libc::SIG_BLOCK;
            // SAFETY: the kernel reads the 8 bytes of the set.
            let call = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &set, none, 8_usize) };
            Errno::result(call)?;
        }
    }
    Ok(())
}
