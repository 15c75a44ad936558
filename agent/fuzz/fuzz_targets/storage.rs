//! Serial numbers of disks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = vigie_agent::inventory::storage::parse_vpd_serial(bytes);
    let _ = vigie_agent::inventory::storage::parse_udev_serial(&String::from_utf8_lossy(bytes));
});
