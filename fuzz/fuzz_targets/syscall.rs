//! The parser in
//! - crates/observe/src/wchan.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::syscall(data));
