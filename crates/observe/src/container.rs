//! Whether this process is in a container, and whose: what an engine leaves in its files, and
//! which namespaces are not those of the system's start.

use std::path::Path;

use nix::sys::stat::stat;

use crate::cgroup::{self, Membership};
use crate::read_text;

/// The namespaces of the system's start have these inode numbers in every kernel since Linux 3.8,
/// 5.6 for that of time (include/linux/proc_ns.h). The network's and the mounts' have none that
/// could be relied on before 6.18.
const INITIAL: [(&str, u64); 6] = [
    ("cgroup", 0xeffffffb),
    ("ipc", 0xefffffff),
    ("pid", 0xeffffffc),
    ("time", 0xeffffffa),
    ("user", 0xeffffffd),
    ("uts", 0xeffffffe),
];

/// A file that an engine puts into its containers.
const MARKS: [(&str, &str); 2] = [("/run/.containerenv", "podman"), ("/.dockerenv", "docker")];

/// A word in the path of a control group that an engine made.
const GROUPS: [(&str, &str); 5] = [
    ("kubepods", "kubernetes"),
    ("libpod", "podman"),
    ("docker", "docker"),
    ("lxc", "lxc"),
    ("containerd", "containerd"),
];

/// The kinds of namespaces, such as `pid`, in which this process is in another than the system's
/// first; none where no file of /proc/self/ns can be read. Meaningful on Linux alone.
pub fn namespaces() -> Option<Vec<&'static str>> {
    let number = |kind: &str| stat(Path::new(&format!("/proc/self/ns/{kind}"))).ok();
    let found = INITIAL.map(|(kind, initial)| Some((kind, number(kind)?.st_ino != initial)));
    let found: Vec<(&str, bool)> = found.into_iter().flatten().collect();
    let other = found.iter().filter(|(_, is_other)| *is_other);
    (!found.is_empty()).then(|| other.map(|&(kind, _)| kind).collect())
}

/// The engine whose container this process is in: `docker`, `podman`, `kubernetes`, `lxc`,
/// `systemd-nspawn`; none where nothing tells. A file may be left over from an image that became a
/// whole machine: it counts where `namespaces`, as [`namespaces`] found them, are more than the one
/// that a person makes with unshare(1). Where there is none, this is no container.
pub fn engine(namespaces: Option<&[&str]>) -> Option<String> {
    let has_mark = |path: &str| Path::new(path).exists();
    // systemd's convention (https://systemd.io/CONTAINER_INTERFACE).
    let word = read_text("/run/systemd/container").ok();
    let groups = cgroup::read(std::process::id() as i32).unwrap_or_default();
    judge(namespaces, word.as_deref(), has_mark, &groups)
}

fn judge(
    namespaces: Option<&[&str]>,
    word: Option<&str>,
    has_mark: impl Fn(&str) -> bool,
    groups: &[Membership],
) -> Option<String> {
    if namespaces.is_some_and(<[&str]>::is_empty) {
        return None;
    }
    let word = word.map(str::trim).filter(|word| !word.is_empty());
    let group = || {
        let paths = || groups.iter().map(|group| group.path.to_string_lossy());
        let of_engine = |word: &str| paths().any(|path| path.contains(word));
        GROUPS.iter().find(|(word, _)| of_engine(word))
    };
    let may_be_left_over = namespaces.is_some_and(|kinds| kinds.len() < 2);
    let mark = || {
        let mut marks = MARKS.iter().filter(|_| !may_be_left_over);
        marks.find(|(path, _)| has_mark(path))
    };
    word.or_else(|| group().or_else(mark).map(|(_, engine)| *engine))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_known_by_what_it_leaves_and_by_namespaces() {
        let docker = |path: &str| path == "/.dockerenv";
        let nothing = |_: &str| false;
        let judge = |namespaces: Option<&[&str]>, word, has_mark: &dyn Fn(&str) -> bool, groups| {
            judge(namespaces, word, has_mark, &cgroup::parse(groups))
        };
        let found = judge(Some(&["pid", "uts"]), None, &docker, "0::/\n");
        assert_eq!(found.as_deref(), Some("docker"));
        assert_eq!(
            judge(Some(&[]), None, &docker, "0::/\n"),
            None,
            "an image on a machine"
        );
        assert_eq!(
            judge(Some(&["pid"]), None, &docker, "0::/\n"),
            None,
            "unshare --pid in such an image"
        );
        let found = judge(None, None, &docker, "");
        assert_eq!(
            found.as_deref(),
            Some("docker"),
            "namespaces that nobody shows"
        );
        let found = judge(Some(&["pid"]), Some("systemd-nspawn\n"), &nothing, "0::/\n");
        assert_eq!(found.as_deref(), Some("systemd-nspawn"));
        let pods = "0::/kubepods.slice/kubepods-pod1.slice/docker-2.scope\n";
        let found = judge(Some(&["pid"]), None, &docker, pods);
        assert_eq!(found.as_deref(), Some("kubernetes"));
        assert_eq!(
            judge(Some(&["pid"]), None, &nothing, "0::/user.slice\n"),
            None
        );
    }

    #[test]
    fn the_kinds_are_those_of_proc() {
        let own = namespaces().unwrap();
        for (kind, initial) in INITIAL {
            let link = std::fs::read_link(format!("/proc/self/ns/{kind}"));
            let Ok(link) = link else { continue };
            let is_initial = link.to_string_lossy() == format!("{kind}:[{initial}]");
            assert_eq!(!is_initial, own.contains(&kind), "{kind}");
        }
    }
}
