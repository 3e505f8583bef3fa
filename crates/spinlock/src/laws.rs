//! What is true of the names of locks and of machine code that is read, whatever it is: a law a
//! parser.
//!
//! Tests try the laws a fixed number of times; `fuzz/` hands them to libFuzzer. In other builds
//! this module does not exist.

#[cfg(target_arch = "x86_64")]
use crate::claims::one_instruction::decode;
use crate::compare::lock_name::LockName;

/// The decoder of the claim `one-instruction`, which knows x86-64.
pub fn machine_code(data: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    decode::machine_code(data);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = data;
}

/// [`LockName`].
pub fn lock_names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match text.parse::<LockName>() {
        Ok(lock) => assert_eq!(lock.as_str(), text),
        Err(unknown) => assert_eq!(unknown.0, text),
    }
    let index = data.first().map_or(0, |&byte| usize::from(byte));
    let lock = LockName::ALL[index % LockName::ALL.len()];
    assert_eq!(lock.to_string().parse(), Ok(lock));
    assert!(format!("{lock} ").parse::<LockName>().is_err());
}

#[cfg(test)]
mod tests {
    samples::test_laws! { lock_names machine_code }
}
