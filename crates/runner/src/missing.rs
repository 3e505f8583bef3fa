//! Files of /proc and /sys that a kernel or a mount may lack, and what brings them.

/// What brings the file `path`, which is not there; none where only its process, its descriptor or
/// nothing that we know of would bring it.
///
/// Source: the tables of `fs/proc/base.c` and the registrations of the others in the kernel's
/// sources; for the options of the mount proc(5).
pub(crate) fn remedy(path: &str) -> Option<&'static str> {
    let names: Vec<&str> = path.split('/').collect();
    let is_process = |name: &str| name == "self" || is_number(name);
    match names[..] {
        ["", "proc", process, "task", thread, name] if is_process(process) && is_number(thread) => {
            process_file(name)
        }
        ["", "proc", process, "ns", _] if is_process(process) => {
            Some("use a kernel with namespaces (CONFIG_NAMESPACES)")
        }
        ["", "proc", process, name] if is_process(process) => process_file(name),
        // Of what is deeper inside the kernel decides nothing: descriptors, threads, other files.
        ["", "proc", process, ..] if is_process(process) => None,
        _ => machine_file(path),
    }
}

fn is_number(name: &str) -> bool {
    name.parse::<u32>().is_ok()
}

fn process_file(name: &str) -> Option<&'static str> {
    Some(match name {
        "pagemap" | "smaps" | "smaps_rollup" | "clear_refs" => {
            "use a kernel with CONFIG_PROC_PAGE_MONITOR"
        }
        "wchan" => "use a kernel with CONFIG_KALLSYMS",
        "syscall" => "use a kernel for an architecture with CONFIG_HAVE_ARCH_TRACEHOOK",
        "schedstat" => {
            "use a kernel with CONFIG_SCHED_INFO (CONFIG_SCHEDSTATS or CONFIG_TASK_DELAY_ACCT \
             brings it)"
        }
        "children" => "use a kernel with CONFIG_PROC_CHILDREN",
        "cgroup" => "use a kernel with CONFIG_CGROUPS",
        // Every Linux has these.
        _ => "use a Linux kernel whose /proc shows what is named above",
    })
}

fn machine_file(path: &str) -> Option<&'static str> {
    let below = |directory: &str| path.starts_with(directory);
    Some(match path {
        _ if below("/sys/kernel/mm/transparent_hugepage") => {
            "use a kernel with CONFIG_TRANSPARENT_HUGEPAGE, and mount /sys"
        }
        _ if below("/sys/kernel/tracing") || below("/sys/kernel/debug/tracing") => {
            "use a kernel with CONFIG_FTRACE, and mount tracefs (mount -t tracefs tracefs \
             /sys/kernel/tracing)"
        }
        _ if below("/sys/fs/cgroup") => "mount the control groups on /sys/fs/cgroup",
        _ if below("/sys/") => "mount /sys, and use a kernel whose /sys shows what is named above",
        _ if below("/proc/") => {
            "mount /proc without the option subset=pid, and use a kernel whose /proc shows what \
             is named above"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_process_is_told_from_one_of_the_machine() {
        for (path, names) in [
            ("/proc/self/pagemap", "CONFIG_PROC_PAGE_MONITOR"),
            ("/proc/7/task/9/schedstat", "CONFIG_SCHED_INFO"),
            ("/proc/7/syscall", "CONFIG_HAVE_ARCH_TRACEHOOK"),
            ("/proc/meminfo", "subset=pid"),
            ("/proc/sys/vm/max_map_count", "subset=pid"),
            (
                "/sys/kernel/mm/transparent_hugepage/enabled",
                "CONFIG_TRANSPARENT_HUGEPAGE",
            ),
            ("/sys/devices/system/cpu/online", "mount /sys"),
        ] {
            let remedy = remedy(path).unwrap_or_default();
            assert!(remedy.contains(names), "{path}: {remedy}");
        }
        for path in [
            "/proc/7/fd/3",
            "/proc/self/fdinfo/3",
            "/tmp/7",
            "/proc/7/root/x",
        ] {
            assert_eq!(remedy(path), None, "{path}");
        }
    }
}
