//! Blocks of monitors.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = vigie_agent::inventory::edid::parse(bytes);
});
