//! Addresses as the kernel lists them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = vigie_agent::inventory::addresses::parse_if_inet6(&text);
    let _ = vigie_agent::inventory::addresses::parse_fib_trie(&text);
});
