//! System calls that fail, by a seccomp filter: a container's, or those of an older kernel.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use nix::errno::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Makes the calls with these numbers fail with `errno`, here and in every process to come.
///
/// # Errors
/// The kernel has no seccomp filters.
pub(super) fn refuse(calls: &[i64], errno: Errno) -> Result<()> {
    // A call without rules is matched always.
    install(
        calls.iter().map(|call| (*call, Vec::new())).collect(),
        errno,
    )
}

/// Makes socket(2) of the address family `family` fail with EAFNOSUPPORT.
///
/// # Errors
/// As [`refuse`].
pub(super) fn refuse_family(family: i32) -> Result<()> {
    let first = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Eq,
        u64::from(family.unsigned_abs()),
    )?;
    let rule = SeccompRule::new(vec![first])?;
    install(
        BTreeMap::from([(libc::SYS_socket, vec![rule])]),
        Errno::EAFNOSUPPORT,
    )
}

fn install(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: Errno) -> Result<()> {
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno as u32),
        std::env::consts::ARCH.try_into()?,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program).context("seccomp")
}
