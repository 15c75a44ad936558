//! Tables of known cases, the laws of an order, and dpkg itself where it is at hand.

use super::*;
use proptest::prelude::*;
use std::cmp::Ordering::{Equal, Greater, Less};

fn table(rules: Rules, cases: &[(&str, Ordering, &str)]) {
    for (a, order, b) in cases {
        assert_eq!(rules.compare(a, b), *order, "{rules:?}: {a} {order:?} {b}");
        assert_eq!(rules.compare(b, a), order.reverse(), "{rules:?}: {b} and {a}");
    }
}

#[test]
fn dpkg_follows_the_policy() {
    table(
        Rules::Dpkg,
        &[
            ("1.0", Equal, "1.0"),
            ("1.0", Equal, "1.00"),
            ("1.0", Equal, "1.0-0"),
            ("1.0", Equal, "0:1.0"),
            // The example of the policy: `~~`, `~~a`, `~`, the empty part, `a`.
            ("1~~", Less, "1~~a"),
            ("1~~a", Less, "1~"),
            ("1~", Less, "1"),
            ("1", Less, "1a"),
            ("1.0~beta1~svn1245", Less, "1.0~beta1"),
            ("1.0~beta1", Less, "1.0"),
            ("9", Less, "10"),
            ("1.2.9", Less, "1.2.10"),
            ("1a", Less, "1+"),
            ("9:1", Less, "10:0"),
            ("99.9", Less, "1:0.1"),
            ("1.2-1", Less, "1.2-1+deb12u1"),
            ("1.2-1~bpo12+1", Less, "1.2-1"),
            ("1-2-3", Less, "1-2.1-3"),
            ("128.5.0esr-1~deb12u1", Less, "140.3.0esr-1~deb12u1"),
            ("99999999999999999999999999", Less, "100000000000000000000000000"),
            ("a:1", Greater, "9"),
        ],
    );
}

#[test]
fn rpm_follows_rpmvercmp() {
    table(
        Rules::Rpm,
        &[
            ("1.0", Equal, "1.0"),
            ("1.0", Less, "2.0"),
            ("2.0.1", Greater, "2.0"),
            ("2.0.1a", Greater, "2.0.1"),
            ("5.5p1", Less, "5.5p2"),
            ("5.5p1", Less, "5.5p10"),
            ("10xyz", Less, "10.1xyz"),
            ("xyz10", Less, "xyz10.1"),
            ("xyz.4", Less, "8"),
            ("5.5p2", Less, "5.6p1"),
            ("5.6p1", Less, "6.5p1"),
            ("6.0.rc1", Greater, "6.0"),
            ("10b2", Greater, "10a1"),
            ("1.0aa", Greater, "1.0a"),
            ("10.0001", Equal, "10.1"),
            ("10.0001", Less, "10.0039"),
            ("4.999.9", Less, "5.0"),
            ("20101121", Less, "20101122"),
            ("2_0", Equal, "2.0"),
            ("a+", Equal, "a_"),
            ("1.0~rc1", Less, "1.0"),
            ("1.0~rc1", Less, "1.0~rc2"),
            ("1.0~rc1~git123", Less, "1.0~rc1"),
            ("1.0^", Greater, "1.0"),
            ("1.0^git1", Greater, "1.0"),
            ("1.0^git1", Less, "1.0^git2"),
            ("1.0^git1", Less, "1.01"),
            ("1.0^20160101", Less, "1.0.1"),
            ("1.0^20160101^git1", Greater, "1.0^20160101"),
            ("1.0~rc1^git1", Greater, "1.0~rc1"),
            ("1.0^git1~pre", Less, "1.0^git1"),
            ("1:1.0-1", Greater, "9.9-9"),
            ("1.0-1.fc40", Less, "1.0-2.fc40"),
            ("1.0", Less, "1.0-1"),
        ],
    );
}

#[test]
fn versions_of_windows_programs_are_in_the_order_a_person_expects() {
    table(
        Rules::Dotted,
        &[
            ("1.2", Equal, "1.2.0.0"),
            ("24.09", Less, "24.10"),
            ("10.0.19045.5011", Less, "10.0.22631.4317"),
            ("128.0.6613.120", Less, "140.0.1"),
            ("1.2.3.4.5.6.7", Less, "1.2.3.4.5.6.8"),
            ("1.0.2", Less, "1.0.2k"),
            ("1.0.2k", Less, "1.0.2.1"),
            ("3.0 beta 2", Less, "3.0 Beta 10"),
            ("3.0 rc1", Less, "3.0"),
            ("3.0-alpha", Less, "3.0-beta"),
            ("v8u202-b08", Less, "8u211"),
            ("v1.2", Equal, "1.2"),
            ("1.2 final", Equal, "1.2"),
            ("", Less, "0.1"),
            ("123456789012345678901234567890", Greater, "99999999999999999999"),
        ],
    );
}

#[test]
fn a_version_of_a_megabyte_is_compared_in_one_pass() {
    let long = "1.".repeat(500_000);
    for rules in [Rules::Dpkg, Rules::Rpm, Rules::Dotted] {
        assert_eq!(rules.compare(&long, &format!("{long}1")), Less, "{rules:?}");
    }
}

fn any_rules() -> impl Strategy<Value = Rules> {
    proptest::sample::select(vec![Rules::Dpkg, Rules::Rpm, Rules::Dotted])
}

/// Short and of few characters, so that versions meet.
fn version() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        proptest::sample::select(vec![
            "0", "1", "2", "10", "00", "a", "b", "rc", "~", "^", ".", "-", ":", "+", "é", " ", "v", "final",
        ]),
        0..7,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn each_rule_is_an_order(rules in any_rules(), a in version(), b in version(), c in version()) {
        prop_assert_eq!(rules.compare(&a, &a), Equal);
        prop_assert_eq!(rules.compare(&a, &b), rules.compare(&b, &a).reverse());
        let mut three = [&a, &b, &c];
        three.sort_by(|x, y| rules.compare(x, y));
        prop_assert!(rules.compare(three[0], three[2]).is_le(), "{:?}", three);
        if rules.compare(&a, &b).is_eq() {
            prop_assert_eq!(rules.compare(&a, &c), rules.compare(&b, &c), "equal ones stand in one place");
        }
    }

    #[test]
    fn any_text_is_compared_without_panic(a in any::<String>(), b in any::<String>()) {
        for rules in [Rules::Dpkg, Rules::Rpm, Rules::Dotted] {
            prop_assert_eq!(rules.compare(&a, &b), rules.compare(&b, &a).reverse());
        }
    }
}

#[test]
fn dpkg_itself_agrees() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    if std::process::Command::new("dpkg").arg("--version").output().is_err() {
        eprintln!("skipped: no dpkg");
        return;
    }
    let strategy =
        ("([0-9]:)?[0-9][0-9a-c.+~]{0,4}(-[0-9a-c+.~]{1,3})?", "([0-9]:)?[0-9][0-9a-c.+~]{0,4}(-[0-9a-c+.~]{1,3})?");
    let mut runner = TestRunner::deterministic();
    for _ in 0..150 {
        let (a, b) = strategy.new_tree(&mut runner).unwrap().current();
        let ours = dpkg::compare(&a, &b);
        let word = match ours {
            Less => "lt",
            Equal => "eq",
            Greater => "gt",
        };
        let answer = std::process::Command::new("dpkg").args(["--compare-versions", &a, word, &b]).output().unwrap();
        assert!(answer.status.success(), "{a} {word} {b}: dpkg says no");
    }
}
