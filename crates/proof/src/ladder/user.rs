//! Another user, with the capabilities that a rung leaves it.

use anyhow::{Context, Result};
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use rustix::thread::{CapabilitySet, CapabilitySets};
use rustix::thread::{
    configure_capability_in_ambient_set, set_capabilities, set_keep_capabilities,
};

/// Makes this process the user and group `id`, without other groups and with `capabilities` alone,
/// as setpriv(1) does with --inh-caps and --ambient-caps.
///
/// # Errors
/// EPERM for anybody but root.
pub(super) fn become_user(id: u32, capabilities: CapabilitySet) -> Result<()> {
    set_keep_capabilities(true).context("PR_SET_KEEPCAPS")?;
    setgroups(&[]).context("setgroups")?;
    let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
    setresgid(group, group, group).context("setresgid")?;
    setresuid(user, user, user).context("setresuid")?;
    let sets = CapabilitySets {
        effective: capabilities,
        permitted: capabilities,
        inheritable: capabilities,
    };
    set_capabilities(None, sets).context("capset")?;
    for capability in capabilities.iter() {
        configure_capability_in_ambient_set(capability, true).context("PR_CAP_AMBIENT_RAISE")?;
    }
    // The change has made its files in /proc root's; a program that it executes has its own again.
    prctl::set_dumpable(true).context("PR_SET_DUMPABLE")
}
