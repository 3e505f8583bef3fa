//! The machine and the versions of a comparison: figures of two runs compare only if these agree.
#![expect(unsafe_code, reason = "gnu_get_libc_version(3)")]

use serde::Serialize;

use super::lock_name::LockName;

/// The machine, the compiler, and the versions of the locks that are not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Environment {
    /// Kernel release, as `uname -r` prints it.
    pub kernel: String,
    /// Model of the first processor; None where /proc/cpuinfo names none, as on aarch64.
    pub cpu_model: Option<String>,
    /// The compiler that built this program, as `rustc -V` prints it.
    pub rustc: &'static str,
    /// Where each lock that is not of this workspace comes from.
    pub versions: Vec<LockVersion>,
}

/// Where a lock comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockVersion {
    /// Its name: see [`LockName`].
    pub lock: &'static str,
    /// The package that it is part of: a crate, `rust` for std, `glibc`.
    pub package: &'static str,
    /// The package's version.
    pub version: String,
}

impl Environment {
    /// Of this program on this machine, when it compares `locks`.
    pub fn read(locks: &[LockName]) -> Environment {
        Environment {
            kernel: observe::machine::read().kernel,
            cpu_model: observe::cpu_model::cpu_model().ok(),
            rustc: env!("RUSTC_VERSION"),
            versions: locks.iter().filter_map(|&lock| version(lock)).collect(),
        }
    }
}

/// None for a lock of this workspace, and for one of a C library that does not say its version.
fn version(lock: LockName) -> Option<LockVersion> {
    let (package, version) = match lock {
        LockName::Std => ("rust", rust_version().to_owned()),
        LockName::PthreadSpin | LockName::PthreadMutex => ("glibc", glibc_version()?),
        #[cfg(feature = "contenders")]
        _ => {
            let package = package(lock)?;
            (package.name, package.version.to_owned())
        }
        #[cfg(not(feature = "contenders"))]
        _ => return None,
    };
    Some(LockVersion {
        lock: lock.as_str(),
        package,
        version,
    })
}

#[cfg(feature = "contenders")]
fn package(lock: LockName) -> Option<contenders::Package> {
    match lock {
        LockName::ParkingLot => Some(contenders::PARKING_LOT),
        LockName::Spin => Some(contenders::SPIN),
        LockName::SpinningTop => Some(contenders::SPINNING_TOP),
        LockName::Usync => Some(contenders::USYNC),
        _ => None,
    }
}

/// `1.95.0` of `rustc 1.95.0 (59807616e 2026-04-14)`.
fn rust_version() -> &'static str {
    env!("RUSTC_VERSION").split(' ').nth(1).unwrap_or("unknown")
}

#[cfg(target_env = "gnu")]
fn glibc_version() -> Option<String> {
    // SAFETY: the function takes nothing and returns a pointer to a string that ends with a zero
    // and is part of the library, which stays mapped as long as this process lives.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    Some(version.to_string_lossy().into_owned())
}

#[cfg(not(target_env = "gnu"))]
fn glibc_version() -> Option<String> {
    None
}
