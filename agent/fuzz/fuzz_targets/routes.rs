//! Routes and resolvers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = vigie_agent::inventory::routes::parse_ipv4_routes(&text);
    let _ = vigie_agent::inventory::routes::parse_ipv6_routes(&text);
    let _ = vigie_agent::inventory::routes::parse_resolvers(&text);
});
