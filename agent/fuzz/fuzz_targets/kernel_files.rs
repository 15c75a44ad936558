//! `/proc/cpuinfo`, `/proc/meminfo`, `/proc/mounts`, `os-release(5)`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = vigie_agent::inventory::processors::parse_cpuinfo(&text);
    let _ = vigie_agent::inventory::memory::parse_total(&text);
    let _ = vigie_agent::inventory::operating_system::parse_os_release(&text);
    let _ = vigie_agent::source::parse_mounts(&text);
});
