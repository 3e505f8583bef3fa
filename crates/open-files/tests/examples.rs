//! The demonstration programs of this crate, put to the test against their claims.

#[path = "../../runner/tests/demonstrations/mod.rs"]
mod demonstrations;

demonstrations::test_demonstrations!(open_files::TOPIC, demonstrations::run_alone);
