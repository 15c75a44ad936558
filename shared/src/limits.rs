//! The bounds of the wire, compiled into both ends (invariant 12). Each is said when it is hit.

/// The schema written by this version. The collector accepts this one and the one before; older ones are answered 426.
pub const SCHEMA: u16 = 1;
/// The oldest schema accepted.
pub const SCHEMA_OLDEST: u16 = 1;
/// Bodies above this many bytes travel compressed (zstd level 3: 6.7 MiB of memory at its peak).
pub const COMPRESS_ABOVE: usize = 1024;
/// Level of zstd used by the agent.
pub const ZSTD_LEVEL: i32 = 3;
/// Largest decoder window: 2^21 = 2 MiB, what level 3 uses.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 21;
/// Largest request body on the wire, bytes.
pub const BODY_MAX: usize = 2 << 20;
/// Largest request body after decompression, bytes.
pub const BODY_INFLATED_MAX: usize = 12 << 20;
/// Largest section body, bytes.
pub const SECTION_MAX: usize = 4 << 20;
/// Most sections one machine may report.
pub const SECTIONS_MAX: usize = 64;
/// Deepest nesting of JSON accepted anywhere.
pub const DEPTH_MAX: usize = 24;
/// Most events in one call.
pub const EVENTS_PER_CALL: usize = 500;
/// Largest single event, bytes.
pub const EVENT_MAX: usize = 16 << 10;
/// Most calls in a row when an answer wants something.
pub const FOLLOW_UPS: usize = 3;
/// Life of an agent's certificate, days.
pub const CERTIFICATE_DAYS: i64 = 400;
/// Day from which an agent asks for the next one.
pub const CERTIFICATE_RENEW_FROM_DAY: i64 = 200;
/// Name of the fixed header that carries the reason to retry later, seconds (RFC 9110, 10.2.3).
pub const RETRY_AFTER: &str = "retry-after";

/// ALPN protocol of the agents' door: a client certificate is mandatory.
pub const ALPN_AGENT: &[u8] = b"vigie-agent/1";
/// ALPN protocol of the enrolment door.
pub const ALPN_ENROL: &[u8] = b"vigie-enrol/1";

/// How deep a JSON text nests, counted without parsing it: brackets outside strings.
///
/// Used before a text is handed to a recursive parser.
pub fn json_depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in text {
        match (in_string, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, _, b'"') => in_string = !in_string,
            (false, _, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, _, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::json_depth;

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert_eq!(json_depth(br#"{"a":"[[[\"[[","b":[1,{"c":2}]}"#), 3);
        assert_eq!(json_depth(b"1"), 0);
        assert_eq!(json_depth(&[b'['; 5000]), 5000);
    }
}
