//! A crowd of simulated agents against the real collector, and what this machine could do at most beside it.
//!
//! The crowd lives in processes of its own (`load_agents`, [`crowd`]) that are told what to do line by line
//! ([`orders`]): each agent has its own key, certificate, address of the loopback, TLS connection, boot, stream and
//! numbers ([`agent`], [`wire`]). [`collectors`] runs one or several collectors on one store, [`echo`] the empty handler
//! they are compared with, [`raw`] bare rows of the same engine, and [`truth`] compares what was acknowledged with what
//! the database holds. `measure::load` and `measure::week` are the measurements.

pub mod agent;
pub mod collectors;
pub mod crowd;
pub mod echo;
pub mod enrolling;
pub mod figures;
mod inventory;
pub mod orders;
pub mod raw;
pub mod side;
pub mod stand;
pub mod truth;
pub mod week;
pub mod wire;
pub mod world;

/// The check letters of a UAI, by the remainder of its seven digits by 23.
const LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPRSTUVWXYZ";

/// The number of an invented school: 0950000 and following, with its check letter.
pub fn uai(place: usize) -> String {
    let digits = 950_000 + place;
    format!("{digits:07}{}", char::from(LETTERS[digits % 23]))
}

/// The third and second byte of the addresses of a school: 127.`a`.`b`.0/24.
fn network(place: usize) -> (u8, u8) {
    // 127.0 is left to the collector and to whatever else runs here.
    let byte = |n: usize| u8::try_from(n % 250).unwrap_or(0);
    (byte(place / 250 % 250) + 1, byte(place))
}

/// The address range of a school on the loopback.
pub fn cidr(place: usize) -> String {
    let (a, b) = network(place);
    format!("127.{a}.{b}.0/24")
}

/// The address of a machine of a school, `seat` counted from 0.
pub fn address(place: usize, seat: usize) -> std::net::Ipv4Addr {
    let (a, b) = network(place);
    std::net::Ipv4Addr::new(127, a, b, u8::try_from(seat % 240).unwrap_or(0) + 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_schools_have_right_numbers_and_ranges_of_their_own() {
        let mut seen = std::collections::BTreeSet::new();
        for place in 0..3000 {
            uai(place).parse::<vigie_shared::uai::Uai>().unwrap();
            assert!(seen.insert(cidr(place)), "{place}");
            assert!(address(place, 0).is_loopback() && address(place, 0) != address(place, 19));
        }
    }
}
