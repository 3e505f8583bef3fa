//! Which kernel runs: what uname(2) says, and whether it is Linux, which others call themselves
//! too.

use nix::sys::utsname::uname;

use crate::{kernel_log, read_text};

/// A kernel, by its own words and by what gives it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Name of the system, as `uname -s` prints it: `Linux` from most that are none, too.
    pub system: String,
    /// Release, as `uname -r` prints it.
    pub release: String,
    /// Version, which names the build, as `uname -v` prints it: `#1 SMP PREEMPT_DYNAMIC ...`. None
    /// where uname(2) does not tell.
    pub version: Option<String>,
    /// Whether it is Linux at all, User-mode Linux included; none where nothing tells.
    pub is_linux: Option<bool>,
    /// What it is: `Linux`, `User-mode Linux`, `gVisor` and others; none where nothing tells.
    pub implementation: Option<&'static str>,
}

/// The kernel that this process talks to. A release that uname(2) does not tell is `unknown`.
pub fn read() -> Kernel {
    let uname = uname().ok();
    let text = |field: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| match &uname {
        Some(uname) => field(uname).to_string_lossy().into_owned(),
        None => "unknown".to_owned(),
    };
    let signs = Signs {
        system: text(|uname| uname.sysname()),
        release: text(|uname| uname.release()),
        banner: read_text("/proc/version").ok(),
        cpuinfo: read_text("/proc/cpuinfo").ok(),
    };
    let (is_linux, implementation) = signs.judge(kernel_log::says);
    Kernel {
        system: signs.system,
        release: signs.release,
        version: uname.map(|uname| uname.version().to_string_lossy().into_owned()),
        is_linux,
        implementation,
    }
}

/// Words of /proc/version or of the release by which a kernel that calls itself Linux is another.
const OTHERS: &[(&str, &str)] = &[
    ("gvisor", "gVisor"),
    // The second Windows subsystem is a Linux with `microsoft` in its release.
    ("-Microsoft", "WSL 1"),
    ("@freebsd.org)", "FreeBSD"),
    ("BrandZ", "illumos"),
];

/// The first line of gVisor's kernel log (pkg/sentry/kernel/syslog.go).
const GVISOR_LOG: &str = "Starting gVisor";

/// What tells kernels apart.
struct Signs {
    system: String,
    release: String,
    /// /proc/version.
    banner: Option<String>,
    /// /proc/cpuinfo.
    cpuinfo: Option<String>,
}

impl Signs {
    /// Whether it is Linux, and what it is. Only where that is in doubt, `log_says` is asked
    /// whether the kernel log has some words.
    fn judge(
        &self,
        log_says: impl FnOnce(&str) -> Option<bool>,
    ) -> (Option<bool>, Option<&'static str>) {
        let banner = self.banner.as_deref().unwrap_or_default();
        let has = |word: &str| banner.contains(word) || self.release.contains(word);
        if let Some((_, name)) = OTHERS.iter().find(|(word, _)| has(word)) {
            return (Some(false), Some(name));
        }
        // Only a kernel that was built as User-mode Linux writes this (arch/um/kernel/um_arch.c).
        let cpuinfo = self.cpuinfo.as_deref().unwrap_or_default();
        if cpuinfo.contains("User Mode Linux") {
            return (Some(true), Some("User-mode Linux"));
        }
        // init/version.c: who built it and by which compiler stands there in parentheses. gVisor
        // leaves that out.
        match &self.banner {
            Some(banner) if self.system == "Linux" && banner.contains(") (") => {
                (Some(true), Some("Linux"))
            }
            None if self.system == "Linux" => match log_says(GVISOR_LOG) {
                Some(true) => (Some(false), Some("gVisor")),
                _ => (None, None),
            },
            _ => {
                let is_gvisor = log_says(GVISOR_LOG) == Some(true);
                (Some(false), is_gvisor.then_some("gVisor"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "Linux version 6.12.57+deb13-amd64 (debian-kernel@lists.debian.org) \
                          (x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0, GNU ld) #1 SMP\n";
    const GVISOR: &str = "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016\n";
    const WSL1: &str = "Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com) \
                        (gcc version 5.4.0 (GCC) ) #1237-Microsoft\n";
    const WSL2: &str = "Linux version 5.15.90.1-microsoft-standard-WSL2 (oe-user@oe-host) \
                        (x86_64-msft-linux-gcc (GCC) 9.3.0, GNU ld) #1 SMP\n";

    #[test]
    fn who_calls_itself_linux_is_told_apart() {
        let uml = Some("vendor_id\t: User Mode Linux\nmodel name\t: UML\n");
        for (release, banner, cpuinfo, is_linux, implementation) in [
            ("6.12", Some(DEBIAN), None, Some(true), Some("Linux")),
            (
                "6.1",
                Some(DEBIAN),
                uml,
                Some(true),
                Some("User-mode Linux"),
            ),
            ("4.19.0-gvisor", None, None, Some(false), Some("gVisor")),
            (
                "4.4.0-19041-Microsoft",
                Some(WSL1),
                None,
                Some(false),
                Some("WSL 1"),
            ),
            (
                "5.15.90.1-microsoft-standard-WSL2",
                Some(WSL2),
                None,
                Some(true),
                Some("Linux"),
            ),
            ("4.4.0", Some(GVISOR), None, Some(false), None),
            ("6.12", None, None, None, None),
        ] {
            let signs = Signs {
                system: "Linux".to_owned(),
                release: release.to_owned(),
                banner: banner.map(str::to_owned),
                cpuinfo: cpuinfo.map(str::to_owned),
            };
            assert_eq!(
                signs.judge(|_| None),
                (is_linux, implementation),
                "{release} {banner:?}"
            );
        }
    }

    /// gVisor's banner has its parentheses missing, and its log names it; Linux's is not read.
    #[test]
    fn the_log_is_asked_in_doubt_alone() {
        let judge = |system: &str, banner: Option<&str>, log: Option<bool>| {
            let signs = Signs {
                system: system.to_owned(),
                release: "4.4.0".to_owned(),
                banner: banner.map(str::to_owned),
                cpuinfo: None,
            };
            let mut asked = false;
            let found = signs.judge(|_| {
                asked = true;
                log
            });
            (found, asked)
        };
        let gvisor = (Some(false), Some("gVisor"));
        assert_eq!(judge("Linux", Some(GVISOR), Some(true)), (gvisor, true));
        assert_eq!(judge("Linux", None, Some(true)), (gvisor, true));
        let linux = (Some(true), Some("Linux"));
        assert_eq!(judge("Linux", Some(DEBIAN), Some(true)), (linux, false));
        assert_eq!(judge("GNU", None, None), ((Some(false), None), true));
    }

    #[test]
    fn this_one_is_linux() {
        let kernel = read();
        assert_eq!(kernel.is_linux, Some(true));
        let banner = read_text("/proc/version").unwrap();
        assert!(banner.contains(&kernel.release) && banner.contains(&kernel.version.unwrap()));
    }
}
