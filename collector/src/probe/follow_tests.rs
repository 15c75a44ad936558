//! Small worlds of lines, told in seconds.

use super::*;
use crate::store::LineState;
use proptest::prelude::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_446_000 + second).unwrap()
}

fn line(number: u8, state: Option<LineState>) -> ProbedLine {
    ProbedLine {
        id: LineId::from_slice(&[number; 16]).unwrap(),
        school: SchoolId::from_slice(&[number; 16]).unwrap(),
        address: IpAddr::from([203, 0, 113, number]),
        state,
    }
}

fn answered(since: i64) -> Option<LineState> {
    Some(LineState { answers: true, ours: false, since: at(since), last_answer: None, ever_answered: true })
}

fn lines(count: u8) -> Vec<ProbedLine> {
    (1..=count).map(|number| line(number, answered(0))).collect()
}

fn follows(lines: &[ProbedLine]) -> Follows {
    let mut follows = Follows::default();
    follows.keep(lines);
    follows
}

/// Tells all news, ours unless another line proved otherwise; answers what was told.
fn tell(follows: &mut Follows, now: i64) -> Vec<ProbeResult> {
    let results: Vec<_> =
        follows.news().iter().filter_map(|news| follows.result(news, !news.others_answered, at(now))).collect();
    results.iter().for_each(|result| follows.told(result));
    results
}

#[test]
fn one_look_is_no_news_and_two_are() {
    let lines = lines(1);
    let mut follows = follows(&lines);
    follows.looked(lines[0].id, true, at(60));
    follows.looked(lines[0].id, false, at(120));
    assert_eq!(tell(&mut follows, 121), []);
    assert_eq!(follows.pending(10).len(), 1, "it is looked at again soon");
    follows.looked(lines[0].id, false, at(135));
    let told = tell(&mut follows, 136);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].answers, told[0].since, told[0].last_answer), (false, at(120), Some(at(60))));
    assert_eq!(tell(&mut follows, 137), [], "once");
}

#[test]
fn what_is_as_it_was_is_no_news() {
    let lines = lines(1);
    let mut follows = follows(&lines);
    for second in [60, 120, 180] {
        follows.looked(lines[0].id, true, at(second));
    }
    assert_eq!(follows.news(), []);
    assert_eq!(follows.due(at(200), 10), []);
    assert_eq!(follows.due(at(240), 10).len(), 1);
}

#[test]
fn the_first_result_of_a_line_is_news() {
    let new = line(1, None);
    let mut follows = follows(&[new]);
    assert_eq!(follows.due(at(0), 10).len(), 1);
    follows.looked(new.id, true, at(0));
    follows.looked(new.id, true, at(15));
    assert!(tell(&mut follows, 16)[0].answers);
}

#[test]
fn looks_far_apart_do_not_confirm_each_other() {
    let lines = lines(1);
    let mut follows = follows(&lines);
    follows.looked(lines[0].id, false, at(0));
    follows.looked(lines[0].id, false, at(1000));
    assert_eq!(follows.news(), []);
}

#[test]
fn a_line_that_falls_silent_while_another_answers_is_to_blame() {
    let lines = lines(2);
    let mut follows = follows(&lines);
    let (cut, well) = (lines[0].id, lines[1].id);
    follows.looked(well, true, at(90));
    follows.looked(cut, false, at(100));
    assert_eq!(follows.witnesses(), [(well, lines[1].address)]);
    follows.looked(well, true, at(105));
    follows.looked(cut, false, at(115));
    let told = tell(&mut follows, 116);
    assert_eq!((told[0].line, told[0].ours), (cut, false));
}

#[test]
fn when_all_fall_silent_together_it_may_be_ours_until_something_proves_otherwise() {
    let lines = lines(3);
    let mut follows = follows(&lines);
    for second in [100, 115] {
        lines.iter().for_each(|line| follows.looked(line.id, false, at(second)));
    }
    let told = tell(&mut follows, 116);
    assert!(told.len() == 3 && told.iter().all(|result| result.ours), "{told:?}");
    assert_eq!(follows.pending(10).len(), 3, "they are looked at until a proof comes");

    // Our line is back: one answers, the others are not yet looked at. That proves nothing about before.
    follows.looked(lines[0].id, true, at(130));
    assert_eq!(tell(&mut follows, 131), []);
    follows.looked(lines[1].id, true, at(131));
    // The third stays silent after the first was seen to answer: it is to blame for itself.
    follows.looked(lines[2].id, false, at(145));
    let told = tell(&mut follows, 146);
    let blamed: Vec<_> = told.iter().filter(|result| !result.answers).collect();
    assert_eq!(blamed.len(), 1, "{told:?}");
    assert_eq!((blamed[0].line, blamed[0].ours, blamed[0].since), (lines[2].id, false, at(100)));
}

#[test]
fn what_could_not_be_kept_is_told_again() {
    let lines = lines(1);
    let mut follows = follows(&lines);
    follows.looked(lines[0].id, false, at(0));
    follows.looked(lines[0].id, false, at(15));
    let news = follows.news();
    assert!(follows.result(&news[0], true, at(16)).is_some());
    assert_eq!(follows.news(), news);
}

#[test]
fn a_line_with_another_address_begins_anew_and_one_that_is_gone_is_forgotten() {
    let mut lines = lines(2);
    let mut follows = follows(&lines);
    follows.looked(lines[0].id, false, at(0));
    lines[0].address = IpAddr::from([198, 51, 100, 9]);
    lines.truncate(1);
    follows.keep(&lines);
    follows.looked(lines[0].id, false, at(15));
    assert_eq!(follows.news(), []);
    assert_eq!(follows.due(at(1000), 10).len(), 0, "pending, not due");
    assert_eq!(follows.pending(10).len(), 1);
}

proptest! {
    #[test]
    fn only_two_looks_in_a_row_change_what_is_told(looks in prop::collection::vec(any::<bool>(), 1..60)) {
        let lines = lines(1);
        let mut follows = follows(&lines);
        let mut told = true;
        for (n, answers) in looks.iter().enumerate() {
            let second = i64::try_from(n).unwrap() * 60;
            follows.looked(lines[0].id, *answers, at(second));
            let results = tell(&mut follows, second);
            let agreed = n > 0 && looks[n - 1] == *answers;
            match results.as_slice() {
                [] => prop_assert!(!agreed || told == *answers),
                [result] => {
                    prop_assert!(agreed && result.answers != told);
                    told = result.answers;
                }
                _ => prop_assert!(false, "one line, one result"),
            }
        }
    }

    /// Whatever each was before, from the instant at which nothing answers any more nothing is blamed.
    #[test]
    fn our_own_silence_blames_nobody(before in prop::collection::vec(prop::collection::vec(any::<bool>(), 4), 0..6)) {
        let lines = lines(4);
        let mut follows = follows(&lines);
        let mut second = 0;
        for look in before {
            for (line, answers) in lines.iter().zip(look) {
                follows.looked(line.id, answers, at(second));
            }
            tell(&mut follows, second);
            second += 15;
        }
        let cut = at(second);
        for _ in 0..6 {
            lines.iter().for_each(|line| follows.looked(line.id, false, at(second)));
            let told = tell(&mut follows, second);
            prop_assert!(told.iter().all(|result| result.ours || result.answers || result.since < cut), "{told:?}");
            second += 15;
        }
    }
}
