//! Where a run took place: the kernel, the machine, the container, the limits.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The kernel and the machine, as far as a reader needs them to place the numbers. A document of an
/// earlier version has fewer fields: what it lacks is none, as is what could not be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Kernel release, as `uname -r` prints it. In the document it stands outside of the machine.
    #[serde(skip)]
    pub kernel: String,
    /// Hardware name, as `uname -m` prints it.
    pub architecture: String,
    /// Processors that this process may use.
    pub cpus: usize,
    /// Bytes in a page.
    pub page_size: usize,
    /// Effective user id of the run.
    pub uid: u32,
    /// Kernel version, as `uname -v` prints it.
    pub kernel_version: Option<String>,
    /// Whether the kernel is Linux at all, User-mode Linux included.
    pub is_linux: Option<bool>,
    /// What it is: `Linux`, `User-mode Linux`, `gVisor`.
    pub implementation: Option<String>,
    /// The hypervisor, by its own name: `KVMKVMKVM`.
    pub hypervisor: Option<String>,
    /// Whether a program imitates the processors.
    pub emulated: Option<bool>,
    /// The engine of the container: `docker`.
    pub container: Option<String>,
    /// Kinds of namespaces that are not the first ones of the system: `pid`.
    pub namespaces: Option<Vec<String>>,
    /// Model of the processors.
    pub cpu_model: Option<String>,
    /// Processors in the affinity mask.
    pub cpus_allowed: Option<usize>,
    /// Processors' worth of time that the mask and the control groups leave.
    pub cpu_share: Option<f64>,
    /// What the measuring processes were allowed at most.
    #[serde(default)]
    pub limits: Limits,
}

/// Soft limits of getrlimit(2), and the limits of control groups (cgroups(7)), under the names that
/// they have there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Descriptors.
    pub nofile: Option<Allowance>,
    /// Processes of the user.
    pub nproc: Option<Allowance>,
    /// Bytes of address space; `as` is a word of Rust.
    #[serde(rename = "as")]
    pub address_space: Option<Allowance>,
    /// Bytes of data.
    pub data: Option<Allowance>,
    /// Bytes of stack.
    pub stack: Option<Allowance>,
    /// Bytes in a file.
    pub fsize: Option<Allowance>,
    /// Bytes of locked memory.
    pub memlock: Option<Allowance>,
    /// `cpu.max`: processors' worth of time.
    pub cpu_max: Option<Allowance>,
    /// `memory.max`: bytes.
    pub memory_max: Option<Allowance>,
    /// `pids.max`: processes and threads.
    pub pids_max: Option<Allowance>,
}

/// What a limit allows: a number, or everything. In JSON that is the word `unlimited`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowance {
    /// So many.
    Count(u64),
    /// A fraction of a processor's time.
    Fraction(f64),
    /// No limit.
    Unlimited,
}

const UNLIMITED: &str = "unlimited";

impl Serialize for Allowance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Allowance::Count(count) => serializer.serialize_u64(*count),
            Allowance::Fraction(fraction) => serializer.serialize_f64(*fraction),
            Allowance::Unlimited => serializer.serialize_str(UNLIMITED),
        }
    }
}

impl<'de> Deserialize<'de> for Allowance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AllowanceVisitor)
    }
}

struct AllowanceVisitor;

impl de::Visitor<'_> for AllowanceVisitor {
    type Value = Allowance;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number or `{UNLIMITED}`")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Allowance, E> {
        Ok(Allowance::Count(count))
    }

    fn visit_f64<E: de::Error>(self, fraction: f64) -> Result<Allowance, E> {
        Ok(Allowance::Fraction(fraction))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Allowance, E> {
        match word {
            UNLIMITED => Ok(Allowance::Unlimited),
            word => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_an_earlier_document_too() {
        let machine = Machine {
            architecture: "x86_64".to_owned(),
            cpus: 2,
            page_size: 4096,
            is_linux: Some(true),
            namespaces: Some(vec!["pid".to_owned()]),
            cpu_share: Some(1.5),
            limits: Limits {
                nofile: Some(Allowance::Count(u64::MAX)),
                address_space: Some(Allowance::Unlimited),
                cpu_max: Some(Allowance::Fraction(1.5)),
                ..Limits::default()
            },
            ..Machine::default()
        };
        let text = serde_json::to_string(&machine).unwrap();
        assert!(text.contains(r#""as":"unlimited""#), "{text}");
        assert!(text.contains(r#""data":null"#), "not absent: {text}");
        assert_eq!(serde_json::from_str::<Machine>(&text).unwrap(), machine);
        let earlier = r#"{"architecture": "x86_64", "cpus": 2, "page_size": 4096, "uid": 0}"#;
        let earlier: Machine = serde_json::from_str(earlier).unwrap();
        assert_eq!((earlier.cpus, earlier.emulated), (2, None));
        assert!(serde_json::from_str::<Limits>(r#"{"nofile": "many"}"#).is_err());
    }
}
