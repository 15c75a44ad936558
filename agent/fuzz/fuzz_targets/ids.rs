//! Lists of names of PCI and USB devices.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut names = vigie_agent::inventory::ids::Names::wanting([(0x8086, 0x0D57), (0x1AF4, 0x1041)]);
    let _ = bytes.split(|byte| *byte == b'\n').all(|line| names.line(line));
});
