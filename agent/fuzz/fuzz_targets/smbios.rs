//! Tables of the firmware, alone and behind an entry point.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = vigie_agent::inventory::smbios::parse_dump(bytes);
});
