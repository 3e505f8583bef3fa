//! bpf(2): loads a program and reads what it writes as an iterator. The structures are those of
//! `union bpf_attr` in include/uapi/linux/bpf.h.
#![expect(unsafe_code, reason = "the raw system call")]

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::program::Program;
use crate::Error;

const BPF_PROG_LOAD: i32 = 5;
const BPF_LINK_CREATE: i32 = 28;
const BPF_ITER_CREATE: i32 = 33;
const BPF_PROG_TYPE_TRACING: u32 = 26;
const BPF_TRACE_ITER: u32 = 28;

/// What the kernel asks of a program that calls helpers for programs under the GPL only; it is this
/// workspace's licence in the kernel's words (include/linux/license.h).
const LICENCE: &std::ffi::CStr = c"Dual MIT/GPL";

/// Bytes for what the verifier says, and how many of its last ones an error shows: what it refuses
/// stands at the end.
const LOG: usize = 1 << 16;
const SHOWN: usize = 400;

#[repr(C)]
#[derive(Default)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
    attach_btf_obj_fd: u32,
    padding: u32,
}

#[repr(C)]
#[derive(Default)]
struct LinkCreate {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    iter_info: u64,
    iter_info_len: u32,
    padding: u32,
}

#[repr(C)]
#[derive(Default)]
struct IterCreate {
    link_fd: u32,
    flags: u32,
}

/// Runs `code` as an iterator at the kernel's function of the number `function`, and hands each
/// record of `N` bytes that it writes to `each`.
///
/// # Errors
/// Those of [`iterator`]; that of read(2).
pub(crate) fn run<const N: usize>(
    name: &str,
    code: &[u64],
    function: u32,
    mut each: impl FnMut(&[u8; N]),
) -> Result<(), Error> {
    let mut file = File::from(iterator(name, code, function)?);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => buffer[..length].as_chunks().0.iter().for_each(&mut each),
            Err(error) => match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
                // EAGAIN: it has passed by a million objects without a record.
                Errno::EINTR | Errno::EAGAIN => {}
                errno => return Err(Error::new(format!("read the iterator {name}"), errno)),
            },
        }
    }
}

/// Makes sure that iterators may be loaded at all, before the kernel's types are read, which are
/// some megabytes.
///
/// # Errors
/// EPERM without CAP_BPF and CAP_PERFMON; ENOSYS under a filter or without bpf(2).
pub fn ensure_allowed() -> Result<(), Error> {
    // It is attached to nothing, so that whoever may load programs gets another error.
    match load("nothing", &Program::default().finish(), 0) {
        Err(error) if matches!(error.errno, Errno::EPERM | Errno::EACCES | Errno::ENOSYS) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Loads `code` as an iterator at the kernel's function of the number `function`, and makes the
/// file that it writes to. Each look needs a file of its own.
///
/// # Errors
/// EPERM without CAP_BPF and CAP_PERFMON (before Linux 5.8 CAP_SYS_ADMIN); EINVAL or EACCES with
/// the end of the verifier's log where the kernel does not take the program.
fn iterator(name: &str, code: &[u64], function: u32) -> Result<OwnedFd, Error> {
    let program = load(name, code, function)?;
    let link = LinkCreate {
        prog_fd: program.as_raw_fd() as u32,
        attach_type: BPF_TRACE_ITER,
        ..LinkCreate::default()
    };
    // SAFETY: the attributes hold no address.
    let link = unsafe { bpf(BPF_LINK_CREATE, &link) };
    let link = link.map_err(|errno| Error::new(format!("bpf BPF_LINK_CREATE {name}"), errno))?;
    let file = IterCreate {
        link_fd: link.as_raw_fd() as u32,
        ..IterCreate::default()
    };
    // SAFETY: the attributes hold no address.
    let file = unsafe { bpf(BPF_ITER_CREATE, &file) };
    file.map_err(|errno| Error::new(format!("bpf BPF_ITER_CREATE {name}"), errno))
}

fn load(name: &str, code: &[u64], function: u32) -> Result<OwnedFd, Error> {
    let mut log = vec![0u8; LOG];
    let mut attributes = ProgLoad {
        prog_type: BPF_PROG_TYPE_TRACING,
        insn_cnt: code.len() as u32,
        insns: code.as_ptr() as u64,
        license: LICENCE.as_ptr() as u64,
        expected_attach_type: BPF_TRACE_ITER,
        attach_btf_id: function,
        ..ProgLoad::default()
    };
    let kept = name.len().min(attributes.prog_name.len() - 1);
    attributes.prog_name[..kept].copy_from_slice(&name.as_bytes()[..kept]);
    // SAFETY: the instructions and the licence outlive the call, and the kernel only reads them.
    let first = unsafe { bpf(BPF_PROG_LOAD, &attributes) };
    let Err(errno) = first else {
        return first.map_err(|e| Error::new(name, e));
    };
    // Once more for the log: a program that is taken needs none.
    attributes.log_level = 1;
    attributes.log_size = log.len() as u32;
    attributes.log_buf = log.as_mut_ptr() as u64;
    // SAFETY: as before; the kernel writes at most `log_size` bytes to the log, which this function
    // owns and nobody else refers to.
    unsafe { bpf(BPF_PROG_LOAD, &attributes) }
        .map_err(|_| Error::new(format!("bpf BPF_PROG_LOAD {name}{}", said(&log)), errno))
}

/// The end of the verifier's log, on one line.
fn said(log: &[u8]) -> String {
    let end = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
    let text = String::from_utf8_lossy(&log[end.saturating_sub(SHOWN)..end]).into_owned();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    match lines.is_empty() {
        true => String::new(),
        false => format!(", the verifier: {}", lines.join("; ")),
    }
}

/// # Safety
/// What addresses `attributes` holds must be such as the command reads or writes.
unsafe fn bpf<T>(command: i32, attributes: &T) -> Result<OwnedFd, Errno> {
    // SAFETY: the kernel reads `size_of::<T>()` bytes of the attributes, which are borrowed for the
    // call; bytes that it does not know are 0. For what lies behind them the caller answers.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of::<T>(),
        )
    };
    let fd = Errno::result(fd)?;
    // SAFETY: the three commands here answer with a new descriptor, which nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_the_sizes_of_the_kernel() {
        assert_eq!(std::mem::offset_of!(ProgLoad, expected_attach_type), 68);
        assert_eq!(std::mem::offset_of!(ProgLoad, attach_btf_id), 108);
        assert_eq!(std::mem::offset_of!(LinkCreate, iter_info), 16);
    }

    #[test]
    fn a_log_is_shown_on_one_line_from_its_end() {
        assert_eq!(said(&[0; 8]), "");
        assert_eq!(
            said(b"0: (95) exit\n\nR0 !read_ok\n\0\0"),
            ", the verifier: 0: (95) exit; R0 !read_ok"
        );
        let long = [b'x'; 2 * SHOWN];
        assert_eq!(said(&long).len(), SHOWN + ", the verifier: ".len());
    }
}
