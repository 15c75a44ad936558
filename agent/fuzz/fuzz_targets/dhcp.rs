//! Leases and `interfaces(5)`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let own = [std::net::IpAddr::from([10, 0, 2, 7])];
    let _ = (vigie_agent::inventory::dhcp::holds(bytes, &own), vigie_agent::inventory::dhcp::configured(&text, "eno1"));
});
