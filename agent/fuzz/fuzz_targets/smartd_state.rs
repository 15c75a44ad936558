//! State files of `smartd`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = vigie_agent::inventory::smart::parse_smartd_state(&String::from_utf8_lossy(bytes));
});
