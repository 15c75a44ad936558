//! Queues of CUPS, read and stripped of what speaks of people.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let kept = vigie_agent::inventory::printers::without_people(&text);
    assert_eq!(
        vigie_agent::inventory::printers::parse_queues(&kept),
        vigie_agent::inventory::printers::parse_queues(&text)
    );
});
