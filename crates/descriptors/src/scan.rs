//! The map, from what /proc and kcmp(2) tell.

use std::cmp::Ordering;

use nix::errno::Errno;
use observe::{Error, fdinfo, kcmp};

use crate::by_address;
use crate::gather::{Gathered, gather};
use crate::settle::{Settled, settle};
use crate::watches::Watches;
use crate::{Description, Identity, Map};

/// What is asked beyond the descriptions and their holders.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether the kernel may be asked for the addresses of descriptions, by a BPF program, as it
    /// allows who has CAP_BPF and CAP_PERFMON. It is the fastest way, and exact.
    pub bpf: bool,
    /// Whether every descriptor closes on exec. The kernel tells it in fdinfo alone, which is else
    /// read once for each description.
    pub close_on_exec: bool,
    /// Which registrations are ghosts also in epoll instances that have more than 4096. The kernel
    /// walks through all of them for each question, and holds the instance's mutex meanwhile.
    pub every_registration: bool,
}

/// Maps the descriptors of `pids`, each once, with whatever can be known of them.
///
/// A process that ends or a descriptor that is closed meanwhile is left out; one that may not be
/// looked into is listed as denied. Where kcmp is refused, by a filter or by a kernel without it,
/// copies are compared, and the map says which descriptions are not certain.
pub fn scan(pids: &[i32]) -> Map {
    scan_with(
        pids,
        &Options {
            bpf: true,
            close_on_exec: true,
            every_registration: true,
        },
    )
}

/// As [`scan`], with a say in what is asked.
pub fn scan_with(pids: &[i32], options: &Options) -> Map {
    let refused = kcmp_refusal();
    let kcmp = refused.is_none();
    let by_address = options.bpf.then(|| by_address::look(pids));
    let (gathered, settled, bpf_refused) = match by_address {
        Some(Ok((gathered, settled))) => (gathered, settled, None),
        without => {
            let mut gathered = gather(pids, options, kcmp);
            let settled = settle(&mut gathered, kcmp);
            (gathered, settled, without.and_then(Result::err))
        }
    };
    let is_by_address = options.bpf && bpf_refused.is_none();
    let watches = Watches::new(&gathered, &settled, kcmp, options.every_registration);
    let describe = |it: &Settled| description(&gathered, it, watches.of(it));
    let mut descriptions: Vec<Description> = settled.iter().map(describe).collect();
    let first = |d: &Description| d.holders.first().map(|it| (it.pid, it.tid, it.fd));
    descriptions.sort_by_key(first);
    Map {
        schema: 2,
        identity: match is_by_address {
            true => Identity::Bpf,
            false => identity(kcmp, &descriptions),
        },
        descriptions,
        unreadable: gathered.unreadable,
        denied: gathered.denied,
        bpf_refused,
        refused: refused.filter(|_| !is_by_address),
    }
}

/// How kcmp is refused, if it is: asked once, about descriptors of our own.
fn kcmp_refusal() -> Option<Error> {
    let own = std::process::id() as i32;
    match kcmp::descriptions((own, 0), (own, 0)) {
        // Standard input may be closed: then kcmp has looked.
        Ok(Ordering::Equal) => None,
        Err(error) if error.errno == Errno::EBADF => None,
        Ok(_) => Some(Error::without_errno(
            "kcmp calls a descriptor unlike itself",
        )),
        Err(error) => Some(error),
    }
}

fn identity(kcmp: bool, descriptions: &[Description]) -> Identity {
    let is_known = |d: &Description| d.certain && d.holders.len() > 1;
    match kcmp {
        true => Identity::Kcmp,
        false if descriptions.iter().any(is_known) => Identity::DescriptorQuery,
        false => Identity::Fdinfo,
    }
}

fn description(gathered: &Gathered, it: &Settled, watches: Vec<crate::Watch>) -> Description {
    let info = &it.facts.info;
    let mut holders: Vec<_> = it
        .members
        .iter()
        .map(|&place| gathered.holder(place))
        .collect();
    holders.sort_by_key(|holder| (holder.pid, holder.tid, holder.fd));
    Description {
        object: it.facts.link.as_ref().ok().cloned(),
        object_refused: it.facts.link.as_ref().err().cloned(),
        device: it.facts.device,
        inode: info.inode,
        offset: it.facts.offset(),
        access: fdinfo::access_mode(info.status_flags),
        status_flags: info.status_flags,
        in_flight: info.in_flight,
        certain: it.certain,
        hidden: it.hidden.clone(),
        holders,
        watches,
    }
}
