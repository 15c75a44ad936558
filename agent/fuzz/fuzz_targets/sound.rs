//! Cards of `/proc/asound`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = vigie_agent::inventory::sound::parse_cards(&String::from_utf8_lossy(bytes));
});
