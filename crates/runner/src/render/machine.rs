//! A machine in words: what ran, and where.

use claim::{Allowance, Machine};
use present::units::bytes;

/// The machine in one sentence without a full stop, what matters most first: `Linux 6.18.44 on
/// x86_64, 2 CPUs, as uid 0; #1 SMP PREEMPT_DYNAMIC; hypervisor KVMKVMKVM`.
pub fn sentence(machine: &Machine) -> String {
    let plural = if machine.cpus == 1 { "CPU" } else { "CPUs" };
    let Machine {
        architecture,
        cpus,
        uid,
        ..
    } = machine;
    let kernel = kernel(machine);
    let first = format!("{kernel} on {architecture}, {cpus} {plural}, as uid {uid}");
    let mut parts = vec![first];
    parts.extend(machine.kernel_version.clone());
    parts.extend(virtualization(machine));
    parts.extend(container(machine));
    parts.extend(unusual_limits(machine));
    parts.extend(machine.cpu_model.clone());
    parts.join("; ")
}

/// The kernel by its own name and release; which release another than Linux claims to be.
pub fn kernel(machine: &Machine) -> String {
    let Machine { kernel, .. } = machine;
    match (&machine.implementation, machine.is_linux) {
        (Some(name), Some(false)) => format!("{name} (release {kernel})"),
        (None, Some(false)) => format!("not Linux (release {kernel})"),
        (Some(name), _) => format!("{name} {kernel}"),
        (None, _) => format!("Linux {kernel}"),
    }
}

fn virtualization(machine: &Machine) -> Option<String> {
    match (&machine.hypervisor, machine.emulated) {
        (Some(name), Some(true)) => Some(format!("emulated ({name})")),
        (None, Some(true)) => Some("emulated".to_owned()),
        (Some(name), _) => Some(format!("hypervisor {name}")),
        (None, _) => None,
    }
}

fn container(machine: &Machine) -> Option<String> {
    let namespaces = machine.namespaces.as_deref().unwrap_or_default();
    match &machine.container {
        Some(engine) => Some(format!("in a container ({engine})")),
        None if namespaces.is_empty() => None,
        None => Some(format!(
            "in namespaces of its own ({})",
            namespaces.join(", ")
        )),
    }
}

/// Fewer descriptors than a shell gives a program by default.
const FEW_DESCRIPTORS: u64 = 1024;

/// The limits that are set where most machines set none.
fn unusual_limits(machine: &Machine) -> Vec<String> {
    let limits = &machine.limits;
    let few = |limit: Option<Allowance>| {
        limit.filter(|it| matches!(it, Allowance::Count(most) if *most < FEW_DESCRIPTORS))
    };
    let set = |limit: Option<Allowance>| limit.filter(|it| *it != Allowance::Unlimited);
    let unusual = [
        ("cpu.max", set(limits.cpu_max), false),
        ("memory.max", set(limits.memory_max), true),
        ("pids.max", set(limits.pids_max), false),
        ("RLIMIT_AS", set(limits.address_space), true),
        ("RLIMIT_DATA", set(limits.data), true),
        ("RLIMIT_FSIZE", set(limits.fsize), true),
        ("RLIMIT_NOFILE", few(limits.nofile), false),
    ];
    let unusual = unusual.into_iter();
    unusual
        .filter_map(|(name, limit, in_bytes)| Some(allowance(name, limit?, in_bytes)))
        .collect()
}

/// Every limit that could be read, in one sentence without a full stop; none where none could.
pub fn limits(machine: &Machine) -> Option<String> {
    let limits = &machine.limits;
    let all = [
        ("RLIMIT_NOFILE", limits.nofile, false),
        ("RLIMIT_NPROC", limits.nproc, false),
        ("RLIMIT_AS", limits.address_space, true),
        ("RLIMIT_DATA", limits.data, true),
        ("RLIMIT_STACK", limits.stack, true),
        ("RLIMIT_FSIZE", limits.fsize, true),
        ("RLIMIT_MEMLOCK", limits.memlock, true),
        ("cpu.max", limits.cpu_max, false),
        ("memory.max", limits.memory_max, true),
        ("pids.max", limits.pids_max, false),
    ];
    let known = all.into_iter();
    let known = known.filter_map(|(name, limit, in_bytes)| Some(allowance(name, limit?, in_bytes)));
    let known: Vec<String> = known.collect();
    (!known.is_empty()).then(|| format!("Limits: {}", known.join(", ")))
}

/// `RLIMIT_AS 2 GiB`; a fraction is one of processors.
fn allowance(name: &str, limit: Allowance, in_bytes: bool) -> String {
    match limit {
        Allowance::Count(most) if in_bytes => format!("{name} {}", bytes(most)),
        Allowance::Count(most) => format!("{name} {most}"),
        Allowance::Fraction(share) => format!("{name} {share:.2} CPUs"),
        Allowance::Unlimited => format!("{name} unlimited"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use claim::Limits;

    fn linux() -> Machine {
        Machine {
            kernel: "6.18.44".to_owned(),
            architecture: "x86_64".to_owned(),
            cpus: 2,
            is_linux: Some(true),
            implementation: Some("Linux".to_owned()),
            ..Machine::default()
        }
    }

    #[test]
    fn it_says_what_is_known_and_nothing_else() {
        assert_eq!(
            sentence(&linux()),
            "Linux 6.18.44 on x86_64, 2 CPUs, as uid 0"
        );
        let machine = Machine {
            cpus: 1,
            kernel_version: Some("#1 SMP".to_owned()),
            hypervisor: Some("TCGTCGTCGTCG".to_owned()),
            emulated: Some(true),
            container: Some("docker".to_owned()),
            namespaces: Some(vec!["pid".to_owned()]),
            cpu_model: Some("QEMU Virtual CPU".to_owned()),
            limits: Limits {
                cpu_max: Some(Allowance::Fraction(0.5)),
                memory_max: Some(Allowance::Count(1 << 29)),
                pids_max: Some(Allowance::Unlimited),
                address_space: Some(Allowance::Count(1 << 31)),
                data: Some(Allowance::Unlimited),
                nofile: Some(Allowance::Count(1024)),
                stack: Some(Allowance::Count(8 << 20)),
                ..Limits::default()
            },
            ..linux()
        };
        assert_eq!(
            sentence(&machine),
            "Linux 6.18.44 on x86_64, 1 CPU, as uid 0; #1 SMP; emulated (TCGTCGTCGTCG); in a \
             container (docker); cpu.max 0.50 CPUs; memory.max 512 MiB; RLIMIT_AS 2 GiB; \
             QEMU Virtual CPU"
        );
        assert_eq!(
            limits(&machine).as_deref(),
            Some(
                "Limits: RLIMIT_NOFILE 1024, RLIMIT_AS 2 GiB, RLIMIT_DATA unlimited, RLIMIT_STACK \
                 8 MiB, cpu.max 0.50 CPUs, memory.max 512 MiB, pids.max unlimited"
            )
        );
        assert_eq!(limits(&linux()), None);
    }

    #[test]
    fn what_is_no_linux_is_not_called_so() {
        let other = |implementation: Option<&str>, is_linux| Machine {
            kernel: "4.4.0".to_owned(),
            implementation: implementation.map(str::to_owned),
            is_linux,
            ..linux()
        };
        let gvisor = other(Some("gVisor"), Some(false));
        assert_eq!(kernel(&gvisor), "gVisor (release 4.4.0)");
        assert_eq!(
            kernel(&other(None, Some(false))),
            "not Linux (release 4.4.0)"
        );
        assert_eq!(
            kernel(&other(Some("User-mode Linux"), Some(true))),
            "User-mode Linux 4.4.0"
        );
        assert_eq!(kernel(&other(None, None)), "Linux 4.4.0");
    }
}
