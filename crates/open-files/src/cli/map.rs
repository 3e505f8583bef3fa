//! `open-files map`: which descriptors are one open file description.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use anyhow::{Result, bail};
use clap::Args;
use descriptors::{Map, Options};
use observe::Operation;
use present::foreign_text::escape;
use present::{print, print_data, print_note, terminal_width};
use runner::whole_number;

/// The largest process id that Linux gives (`PID_MAX_LIMIT`, proc_sys_kernel(5)).
const MAX_PID: i32 = 1 << 22;

/// What to map, and how to show it.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Exit status:
  0  the map was printed; a process that may not be looked into stands in it
  2  there is no such process, it is one of the kernel's own, or output could not be written

Examples:
  open-files map --shared            what has more than one holder, everywhere
  open-files map $$                  the descriptors of this shell
  open-files map --object socket:[   sockets alone")]
pub struct MapArgs {
    /// Processes to map; every one that may be looked into where none is named
    #[arg(value_name = "PID", value_parser = whole_number(1..=MAX_PID))]
    pids: Vec<i32>,
    /// Only descriptions that more than one descriptor refers to
    #[arg(long)]
    shared: bool,
    /// Only descriptions of objects whose name contains this, as it is or as it is printed: a path,
    /// socket:[4711], eventpoll
    #[arg(long, value_name = "TEXT")]
    object: Option<OsString>,
    /// Compare descriptors as an ordinary user has to, also where the kernel may be asked for the
    /// addresses of descriptions by a BPF program (CAP_BPF and CAP_PERFMON)
    #[arg(long)]
    without_bpf: bool,
    /// Ask every descriptor whether it closes on exec; else it is read along with the description,
    /// by one of the descriptors that were inherited from each other
    #[arg(long)]
    close_on_exec: bool,
    /// Ask which registrations are ghosts also in epoll instances that have more than 4096 of them;
    /// who waits for events there waits meanwhile
    #[arg(long)]
    every_registration: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl MapArgs {
    /// Looks, prints, and returns the exit status.
    pub fn run(&self) -> Result<u8> {
        runner::require_own_proc()?;
        let options = Options {
            bpf: !self.without_bpf,
            close_on_exec: self.close_on_exec,
            every_registration: self.every_registration,
        };
        let map = self.select(descriptors::scan_with(&self.pids()?, &options));
        match self.json {
            true => print_data(&(serde_json::to_string_pretty(&map)? + "\n"))?,
            false => print(&descriptors::text::render(&map, terminal_width()))?,
        }
        if map.descriptions.is_empty() && map.denied.is_empty() && map.unreadable.is_empty() {
            print_note("note: nothing that was asked for is open there");
        }
        Ok(0)
    }

    /// The processes that were named, which must be there, or all.
    fn pids(&self) -> Result<Vec<i32>> {
        for pid in &self.pids {
            observe::process::count_descriptors(*pid).map_err(|error| absence(*pid, error))?;
            let stat = observe::stat::read(*pid).ok();
            if let Some(thread) = stat.filter(|stat| stat.is_kernel_thread()) {
                let name = escape(&thread.name);
                bail!("process {pid} ({name}) is a kernel thread, which has no descriptors");
            }
        }
        if self.pids.is_empty() {
            return Ok(observe::process::list()?);
        }
        Ok(self.pids.clone())
    }

    /// What was asked for of `map`.
    fn select(&self, mut map: Map) -> Map {
        if let Some(object) = &self.object {
            map.descriptions.retain(|it| {
                it.object
                    .as_ref()
                    .is_some_and(|name| is_within(object, name))
            });
        }
        if self.shared {
            map.descriptions
                .retain(|description| description.holders.len() > 1);
        }
        map
    }
}

/// Why /proc does not show a process.
fn absence(pid: i32, error: observe::Error) -> anyhow::Error {
    let what = match error.kind {
        Operation::HiddenProcess => {
            format!("process {pid} lives, and /proc hides it from this user (hidepid in proc(5))")
        }
        _ => format!("no process {pid}"),
    };
    anyhow::Error::new(error).context(what)
}

/// Whether `name` contains `part`, which was typed as it is, or copied from a map.
fn is_within(part: &OsStr, name: &OsStr) -> bool {
    let (bytes, part) = (name.as_bytes(), part.as_bytes());
    let within = |name: &[u8]| part.is_empty() || name.windows(part.len()).any(|it| it == part);
    within(bytes) || within(escape(name).as_bytes())
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use observe::Error;

    use super::*;

    #[test]
    fn a_process_that_is_hidden_is_told_from_one_that_is_not_there() {
        let gone = Error::new("stat /proc/9/fd", Errno::ENOENT);
        let hidden = gone.clone().with_kind(Operation::HiddenProcess);
        assert_eq!(absence(9, gone).to_string(), "no process 9");
        let hidden = absence(9, hidden).to_string();
        assert!(
            hidden.contains("process 9 lives") && hidden.contains("hidepid"),
            "{hidden}"
        );
    }
}
