//! The parser in
//! - crates/prefork/src/server/protocol.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| prefork::laws::http_request(data));
