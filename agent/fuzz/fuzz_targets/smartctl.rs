//! Answers of `smartctl --json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = vigie_agent::inventory::smart::parse(bytes);
});
