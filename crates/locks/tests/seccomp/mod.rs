//! A seccomp filter that refuses one system call, as some containers and emulators do.
#![expect(unsafe_code, reason = "prctl(2) takes the filter by address")]

use std::io;
use std::os::raw::c_long;

/// From here on `call` fails with `errno` in this thread and in those that it creates. Where
/// `third_argument` is given, only the calls that have it fail (seccomp(2)).
///
/// # Errors
/// A kernel without seccomp.
pub fn refuse(call: c_long, third_argument: Option<u32>, errno: i32) -> io::Result<()> {
    // Offsets in seccomp_data: the number of the call, and the low word of its third argument.
    let (number, argument) = (0, 32);
    let load = |offset| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, offset);
    let equal = |value, skip| instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, skip, value);
    let answer = |action| instruction(libc::BPF_RET, 0, action);
    let refusal = answer(libc::SECCOMP_RET_ERRNO | errno as u32);
    let pass = answer(libc::SECCOMP_RET_ALLOW);
    let mut program = match third_argument {
        None => vec![load(number), equal(call as u32, 1), refusal, pass],
        Some(value) => vec![
            load(number),
            equal(call as u32, 3),
            load(argument),
            equal(value, 1),
            refusal,
            pass,
        ],
    };
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the program, which is alive during the call; the other arguments
    // are integers.
    let failed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const filter,
            ) != 0
    };
    if failed {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// One instruction; a comparison that fails skips the next `jump_if_false`.
fn instruction(code: u32, jump_if_false: u8, operand: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: jump_if_false,
        k: operand,
    }
}
