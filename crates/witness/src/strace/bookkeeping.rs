//! Calls that belong to the instruments of a claim, not to what it does.

use std::collections::HashSet;

use proof::record::{Outcome, Recorded, TracedCall};

use super::family::{Family, is_trial};

/// The calls without those by which an arm looks at itself, opens files of /proc and /sys and
/// closes them again, and forks a child in which an instrument is tried; and without the close of
/// a connection that it accepted, by which it only tidies up.
pub fn without_bookkeeping<'a>(calls: &[&'a Recorded], family: &Family) -> Vec<&'a Recorded> {
    let mut untold: HashSet<(i32, String)> = HashSet::new();
    let mut is_of_claim = |recorded: &&&Recorded| {
        let call = &recorded.call;
        match (call.name.as_str(), &call.outcome) {
            ("open" | "openat", Outcome::Done(descriptor)) => {
                let opened = (call.pid, descriptor.clone());
                match opens_instrument(call) {
                    true => untold.insert(opened),
                    false => untold.remove(&opened),
                };
                !opens_instrument(call)
            }
            ("accept" | "accept4", Outcome::Done(descriptor)) => {
                untold.insert((call.pid, descriptor.clone()));
                true
            }
            ("close", _) => {
                let descriptor = call.text.split(')').next().unwrap_or_default();
                !untold.remove(&(call.pid, descriptor.to_owned()))
            }
            _ => {
                let child = call.child().and_then(|pid| family.name(pid));
                !child.is_some_and(is_trial)
            }
        }
    };
    let calls = calls.iter().filter(|recorded| is_of_claim(recorded));
    calls.copied().collect()
}

/// Whether it opens a file by which the kernel tells about itself; behind /proc/self/fd are the
/// files of the claim.
fn opens_instrument(call: &TracedCall) -> bool {
    let is_own = call.text.contains("\"/proc/self/fd/");
    !is_own && (call.text.contains("\"/proc/") || call.text.contains("\"/sys/"))
}

#[cfg(test)]
mod tests {
    use proof::record::{Arm, Recording, read};

    use super::*;

    #[test]
    fn what_is_closed_after_a_look_into_proc_is_left_out() {
        let trace = r#"
1  prctl(PR_SET_NAME, "experiment") = 0
1  openat(AT_FDCWD, "/proc/1/fdinfo/3", O_RDONLY) = 7
1  close(7) = 0
1  openat(AT_FDCWD, "/proc/self/fd/3", O_RDONLY) = 7
1  close(7) = 0
1  clone(child_stack=NULL, flags=SIGCHLD) = 2
1  clone(child_stack=NULL, flags=SIGCHLD) = 3
2  prctl(PR_SET_NAME, "self-check") = 0
2  read(3, "", 1) = 0
3  prctl(PR_SET_NAME, "worker") = 0
3  accept4(3, NULL, NULL, 0) = 4
3  close(4) = 0
3  close(5) = 0
"#;
        let recording = Recording::sort(read(trace));
        let calls: Vec<&Recorded> = recording.calls(Arm::Experiment).collect();
        let family = Family::of("experiment", &calls);
        let left = without_bookkeeping(&calls, &family);
        let left = left.iter().map(|recorded| &recorded.call);
        let left: Vec<_> = left
            .map(|call| (call.name.as_str(), call.text.as_str()))
            .collect();
        assert_eq!(left.len(), calls.len() - 4, "{left:?}");
        assert!(left.contains(&("openat", "AT_FDCWD, \"/proc/self/fd/3\", O_RDONLY) = 7")));
        assert!(left.contains(&("close", "7) = 0")) && left.contains(&("close", "5) = 0")));
        assert!(!left.contains(&("close", "4) = 0")));
        assert!(!left.contains(&("clone", "child_stack=NULL, flags=SIGCHLD) = 2")));
    }
}
