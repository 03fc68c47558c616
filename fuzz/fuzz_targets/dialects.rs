//! See `dialects` in `entry.rs`.
#![no_main]

#[path = "../entry.rs"]
#[expect(dead_code, reason = "each target runs one entry")]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::dialects(bytes));
