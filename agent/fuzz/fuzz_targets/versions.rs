//! Comparing versions: never a panic, and the same from both sides.
#![no_main]

use vigie_shared::version::Rules;

libfuzzer_sys::fuzz_target!(|pair: (&str, &str)| {
    for rules in [Rules::Dpkg, Rules::Rpm, Rules::Dotted] {
        assert_eq!(rules.compare(pair.0, pair.1), rules.compare(pair.1, pair.0).reverse());
    }
});
