//! The parser in
//! - crates/observe/src/sock_diag.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| observe::laws::sock_diag(data));
