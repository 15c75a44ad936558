//! Lines of the section `wanted`: what must be true, and when it is looked at.

use super::parse::{Context, Line, Unreadable, once, school};
use super::{About, Facets, Restored, Target, Want};
use crate::sim::Ms;
use crate::sim::time::{MINUTE, SECOND};

type Read<T> = Result<T, Unreadable>;

/// How far off an instant may be unless it is said.
const TOLERANCE: Ms = 60 * SECOND;
/// The same for the ends of an interval.
const TOLERANCE_OF_INTERVALS: Ms = 10 * MINUTE;

/// Reads one line: when to look (the end, when nothing is said) and what is wanted.
pub fn read(line: &mut Line<'_>, context: &Context) -> Read<(Option<Ms>, Want)> {
    let at = once(line, context.first)?;
    let mut facets = Facets::default();
    if line.eat("between") {
        facets.opened = Some(line.window(context.first)?);
    }
    let want = want(line, context, facets)?;
    Ok((at, want))
}

fn want(line: &mut Line<'_>, context: &Context, mut facets: Facets) -> Read<Want> {
    if line.eat_all("no other ticket") {
        return Ok(Want::NoOtherTicket);
    }
    if line.eat_all("cause of") {
        let (check, target) = (check(line)?, on(line, context)?);
        line.want("is")?;
        cause(line, &mut facets)?;
        return Ok(Want::Latest { check, target, facets });
    }
    if line.eat_all("why of") {
        let (check, target) = (check(line)?, on(line, context)?);
        line.want("contains")?;
        let contains = line.quoted().ok_or_else(|| line.expected("a text between quotes"))?;
        return Ok(Want::Why { check, target, contains });
    }
    if line.eat("machine") {
        let name = line.word("the name of a machine")?;
        line.want("of")?;
        let school = school(line, context)?;
        line.want("is")?;
        let is = line.one_of(&["online", "left", "silent", "never", "trusted", "quarantined"])?;
        return Ok(Want::Machine { school, name, is });
    }
    let count = count(line)?;
    if line.eat("finding") || line.eat("findings") {
        let code = if matches!(line.peek(), Some("on") | None) { None } else { Some(line.word("a code")?) };
        return Ok(Want::Finding { code, target: maybe_on(line, context)?, there: count != Some(0) });
    }
    if line.eat("message") || line.eat("messages") {
        let code = match line.peek() {
            Some("on") | None => None,
            _ => Some(message(line)?),
        };
        let target = maybe_on(line, context)?;
        return Ok(Want::Messages { count: count.unwrap_or(1), code, target, window: facets.opened });
    }
    let open = line.eat("open");
    let incident = !(line.eat("ticket") || line.eat("tickets"));
    if incident && !(line.eat("incident") || line.eat("incidents")) {
        return Err(line.expected(
            "« ticket », « incident », « message », « finding », « cause of », « why of », « machine » or « no other ticket »",
        ));
    }
    if open {
        facets.open = Some(true);
    }
    let check = match line.peek() {
        None | Some("on" | "," | "resolved" | "started" | "restored" | "open" | "without" | "with") => None,
        Some(_) => Some(check(line)?),
    };
    let target = maybe_on(line, context)?;
    while !line.is_done() {
        line.eat(",");
        facet(line, context, &mut facets)?;
    }
    let count = count.unwrap_or(1);
    Ok(match incident {
        false => Want::Tickets { count, check, target, facets },
        true => Want::Incidents { count, check, target, facets },
    })
}

fn count(line: &mut Line<'_>) -> Read<Option<usize>> {
    const WORDS: [&str; 11] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    if let Some(number) = WORDS.iter().position(|word| line.eat(word)) {
        return Ok(Some(number));
    }
    match line.peek().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit())) {
        true => line.number("how many").map(Some),
        false => Ok(None),
    }
}

fn check(line: &mut Line<'_>) -> Read<String> {
    line.word("a check such as « internet »")
}

fn message(line: &mut Line<'_>) -> Read<String> {
    let word = line.word("« opened », « joined », « resolved » or a code")?;
    Ok(match word.as_str() {
        "opened" => "ticket_opened".to_owned(),
        "joined" => "incident_joined".to_owned(),
        "resolved" => "ticket_resolved".to_owned(),
        _ => word,
    })
}

fn maybe_on(line: &mut Line<'_>, context: &Context) -> Read<Target> {
    if line.peek() == Some("on") { on(line, context) } else { Ok(Target::Any) }
}

/// `on X`, `on PC01 of X`, `on room A of X`, `on switch S1 of X`, `on basin Nord`, `on operator Orange`, `on collector`.
fn on(line: &mut Line<'_>, context: &Context) -> Read<Target> {
    line.want("on")?;
    if line.eat("collector") {
        return Ok(Target::Above("collector".to_owned()));
    }
    for kind in ["basin", "operator"] {
        if line.eat(kind) {
            return Ok(Target::Above(format!("{kind} {}", line.word("a name")?)));
        }
    }
    for kind in ["room", "switch", "network", "line"] {
        if line.eat(kind) {
            let name = line.word("a name")?;
            line.want("of")?;
            return Ok(Target::In { school: school(line, context)?, scope: format!("{kind} {name}") });
        }
    }
    if line.peek_second() == Some("of") {
        let name = line.word("the name of a machine")?;
        line.want("of")?;
        return Ok(Target::In { school: school(line, context)?, scope: format!("machine {name}") });
    }
    Ok(Target::In { school: school(line, context)?, scope: "school".to_owned() })
}

/// `± 90 s` after an instant.
fn about(line: &mut Line<'_>, at: Ms, default: Ms) -> Read<About> {
    let by = if line.eat("±") { line.lasting()? } else { default };
    Ok(About { at, by })
}

fn facet(line: &mut Line<'_>, context: &Context, facets: &mut Facets) -> Read<()> {
    let first = context.first;
    if line.eat("started") {
        let at = line.instant(first)?;
        facets.started = Some(about(line, at, TOLERANCE)?);
    } else if line.eat("opened") {
        line.want("between")?;
        facets.opened = Some(line.window(first)?);
    } else if line.eat_all("not resolved") || line.eat("open") {
        facets.open = Some(true);
    } else if line.eat("resolved") {
        facets.open = Some(false);
        if line.eat("between") {
            facets.resolved = Some(line.window(first)?);
        } else if !line.is_done() && line.peek() != Some(",") {
            let at = line.instant(first)?;
            let About { at, by } = about(line, at, TOLERANCE)?;
            facets.resolved = Some((at - by, at + by));
        }
    } else if line.eat("restored") {
        facets.restored = Some(if line.eat("between") {
            let (from, to) = line.window(first)?;
            let by = if line.eat("±") { line.lasting()? } else { TOLERANCE_OF_INTERVALS };
            Restored::Between(About { at: from, by }, About { at: to, by })
        } else {
            let at = line.instant(first)?;
            Restored::At(about(line, at, TOLERANCE)?)
        });
    } else if line.eat("cause") {
        cause(line, facets)?;
    } else if line.eat_all("history contains") {
        facets.history.push(line.word("a code")?);
    } else if line.eat_all("history lacks") {
        facets.no_history.push(line.word("a code")?);
    } else if line.eat("seen") {
        line.want("by")?;
        facets.witnesses = Some(line.number("how many machines")?);
        line.eat("machines");
    } else if line.eat_all("without ticket") {
        facets.with_ticket = Some(false);
    } else if line.eat_all("with ticket") {
        facets.with_ticket = Some(true);
    } else {
        return Err(line.expected(
            "« started », « opened between », « resolved », « not resolved », « restored », « cause », « history contains », \
             « history lacks », « seen by », « with ticket » or « without ticket »",
        ));
    }
    Ok(())
}

/// `line confirmed`, `undetermined`, `power or switch`.
fn cause(line: &mut Line<'_>, facets: &mut Facets) -> Read<()> {
    loop {
        facets.causes.push(line.word("a cause such as « line »")?);
        if !line.eat("or") {
            break;
        }
    }
    if let Some(word) = ["probable", "confirmed"].into_iter().find(|word| line.eat(word)) {
        facets.confidence = Some(word.to_owned());
    }
    Ok(())
}

/// Instants that a want speaks of: the story lasts beyond them.
pub fn instants(want: &Want) -> Vec<Ms> {
    let of = |facets: &Facets| {
        let about = |about: &About| about.at + about.by;
        let restored = facets.restored.iter().map(|restored| match restored {
            Restored::At(at) => about(at),
            Restored::Between(_, to) => about(to),
        });
        let windows = facets.opened.iter().chain(&facets.resolved).map(|(_, to)| *to);
        restored.chain(windows).chain(facets.started.iter().map(about)).collect()
    };
    match want {
        Want::Tickets { facets, .. } | Want::Incidents { facets, .. } | Want::Latest { facets, .. } => of(facets),
        Want::Messages { window, .. } => window.iter().map(|(_, to)| *to).collect(),
        _ => vec![],
    }
}
