//! What ran a measurement, and within which limits: all that a reader of its numbers must know.

use crate::cpus::share;
use crate::group_limits::GroupLimits;
use crate::kernel::Kernel;
use crate::limits::SoftLimits;
use crate::{container, cpu_model, cpus, group_limits, hypervisor, kernel, limits};

/// Kernel, machine and container, and the limits of this process. What nothing tells is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The kernel.
    pub kernel: Kernel,
    /// Who runs the machine, where it is a virtual one: see [`hypervisor::name`].
    pub hypervisor: Option<String>,
    /// Whether a program imitates the processors: see [`hypervisor::emulation`].
    pub emulated: Option<bool>,
    /// The engine of the container: see [`container::engine`].
    pub container: Option<String>,
    /// Kinds of namespaces that are not the system's first: see [`container::namespaces`].
    pub namespaces: Option<Vec<&'static str>>,
    /// The model of the processors: see [`cpu_model::cpu_model`].
    pub cpu_model: Option<String>,
    /// How many CPUs it may run on: see [`cpus::allowed`].
    pub cpus_allowed: Option<usize>,
    /// CPUs' worth of time that it may use: see [`cpus::share`].
    pub cpu_share: Option<f64>,
    /// Its own limits.
    pub limits: SoftLimits,
    /// Those of its control groups.
    pub group_limits: GroupLimits,
}

/// Reads it.
pub fn read() -> Identity {
    let kernel = kernel::read();
    // The numbers of the first namespaces are Linux's own.
    let namespaces = container::namespaces().filter(|_| kernel.is_linux != Some(false));
    let cpus_allowed = cpus::allowed().ok().map(|cpus| cpus.len());
    Identity {
        hypervisor: hypervisor::name(),
        emulated: hypervisor::emulation(),
        container: container::engine(namespaces.as_deref()),
        cpu_model: cpu_model::cpu_model().ok(),
        cpu_share: cpus_allowed.map(|_| share()),
        limits: limits::own(),
        group_limits: group_limits::read(),
        kernel,
        namespaces,
        cpus_allowed,
    }
}
