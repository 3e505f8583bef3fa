//! The machine that measurements are made on.

use nix::sys::utsname::uname;
use nix::unistd::{SysconfVar, sysconf};

use crate::cpus;

/// Kernel, processors and pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Kernel release (uname(2)).
    pub kernel: String,
    /// Hardware name (uname(2)).
    pub architecture: String,
    /// Processors that this process may use at the same time: [`cpus::count`].
    pub cpus: usize,
    /// Bytes in a page.
    pub page_size: usize,
    /// Effective user id.
    pub uid: u32,
}

/// The machine this runs on. What the kernel will not tell is `unknown`, 1 or 4096.
pub fn read() -> Machine {
    let uname = uname().ok();
    let text = |field: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| match &uname {
        Some(uname) => field(uname).to_string_lossy().into_owned(),
        None => "unknown".to_owned(),
    };
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    Machine {
        kernel: text(|uname| uname.release()),
        architecture: text(|uname| uname.machine()),
        cpus: cpus::count(),
        page_size: page
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(4096),
        uid: nix::unistd::geteuid().as_raw(),
    }
}
