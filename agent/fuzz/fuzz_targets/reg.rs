//! Registry exports and the programs in them.
#![no_main]

use vigie_agent::inventory::{registry, software};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let export = registry::parse(bytes);
    let _ = (software::uninstall::programs(&export), software::appx::packages(&export));
});
