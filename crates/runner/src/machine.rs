//! The machine as the document has it: what `observe` read of it, under the document's names.

use claim::{Allowance, Limits, Machine};
use observe::limits::Limit;

/// The machine that this process runs on, within the limits that it has now.
pub(crate) fn machine() -> Machine {
    let observe::machine::Machine {
        kernel,
        architecture,
        cpus,
        page_size,
        uid,
    } = observe::machine::read();
    let identity = observe::identity::read();
    let words = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
    Machine {
        kernel,
        architecture,
        cpus,
        page_size,
        uid,
        kernel_version: identity.kernel.version,
        is_linux: identity.kernel.is_linux,
        implementation: identity.kernel.implementation.map(str::to_owned),
        hypervisor: identity.hypervisor,
        emulated: identity.emulated,
        container: identity.container,
        namespaces: identity.namespaces.map(words),
        cpu_model: identity.cpu_model,
        cpus_allowed: identity.cpus_allowed,
        cpu_share: identity.cpu_share,
        limits: limits(&identity.limits, &identity.group_limits),
    }
}

fn limits(
    own: &observe::limits::SoftLimits,
    of_groups: &observe::group_limits::GroupLimits,
) -> Limits {
    let count = |limit: Option<Limit>| {
        limit.map(|limit| match limit {
            Limit::At(most) => Allowance::Count(most),
            Limit::Unlimited => Allowance::Unlimited,
        })
    };
    Limits {
        nofile: count(own.open_files),
        nproc: count(own.processes),
        address_space: count(own.address_space),
        data: count(own.data),
        stack: count(own.stack),
        fsize: count(own.file_size),
        memlock: count(own.locked_memory),
        cpu_max: of_groups.cpu.map(|limit| match limit {
            Limit::At(share) => Allowance::Fraction(share),
            Limit::Unlimited => Allowance::Unlimited,
        }),
        memory_max: count(of_groups.memory),
        pids_max: count(of_groups.pids),
    }
}
