//! `token create`: what a technician is given to bring the machines of a school in.

use super::{Data, block_on, clock, print};
use crate::authority::{Authority, random};
use crate::store::NewToken;
use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use std::process::ExitCode;
use vigie_shared::token::EnrolmentToken;
use vigie_shared::uai::Uai;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Make a token. It alone is printed to the standard output.
    Create {
        #[command(flatten)]
        data: Data,
        /// The school.
        #[arg(long, value_name = "UAI")]
        school: Uai,
        /// How many machines it brings in.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        uses: u32,
        /// When it ends: a number of minutes, hours or days (30m, 12h, 30d), or an instant (2026-12-24T18:00:00Z).
        #[arg(long, value_name = "WHEN", default_value = "30d")]
        expires: String,
    },
}

/// Makes a token, and the authority if this is the first thing ever done here.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let Verb::Create { data, school, uses, expires } = options.verb;
    let now = clock().now();
    let expires = until(&expires, now)?;
    let token = block_on(async {
        let store = data.open()?;
        let authority = Authority::open_or_create(store.as_ref(), &data.data, now).await?;
        let token = EnrolmentToken::new(school, random()?, authority.spki_sha256());
        let kept = NewToken { school, secret_sha256: token.secret_sha256(), uses, expires, created: now };
        store.create_token(kept).await?;
        Ok(token)
    })?;
    print(&token)?;
    eprintln!(
        "token for {school}, good for {uses} machine(s) until {expires:.0}. It is shown this once. Give it to an agent \
         in a file (vigie-agent enrol --token-file), not on a command line, where others can read it."
    );
    Ok(ExitCode::SUCCESS)
}

/// The instant that `text` means.
fn until(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let wanted = "--expires wants a number of minutes, hours or days (30m, 12h, 30d), or an instant in the future \
                  (2026-12-24T18:00:00Z)";
    let unit = |suffix: char| text.strip_suffix(suffix).and_then(|n| n.parse::<u32>().ok()).map(i64::from);
    let minutes = unit('m').or(unit('h').map(|n| n * 60)).or(unit('d').map(|n| n * 1440));
    let at = match minutes {
        Some(minutes) => now.checked_add(SignedDuration::from_mins(minutes)).ok(),
        None => text.parse().ok(),
    };
    at.filter(|at| *at > now).with_context(|| format!("« {text} »: {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_durations_or_instants_in_the_future() {
        let now: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        for (text, end) in [
            ("30d", "2026-12-23T08:00:00Z"),
            ("12h", "2026-11-23T20:00:00Z"),
            ("1m", "2026-11-23T08:01:00Z"),
            ("2026-12-24T18:00:00+01:00", "2026-12-24T17:00:00Z"),
        ] {
            assert_eq!(until(text, now).unwrap(), end.parse().unwrap(), "{text}");
        }
        for text in ["", "d", "0d", "-1d", "30", "30y", "4000000000d", "2026-11-23T08:00:00Z", "soon"] {
            assert!(until(text, now).is_err(), "{text}");
        }
    }
}
