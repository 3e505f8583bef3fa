//! The parser in
//! - crates/replay/src/trace/mod.rs
//! - crates/replay/src/trace/lines.rs
//! - crates/replay/src/trace/plain.rs
//! - crates/replay/src/trace/reader.rs
//! - crates/replay/src/trace/rep.rs
//! - crates/replay/src/trace/valgrind.rs
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| replay::laws::trace(data));
