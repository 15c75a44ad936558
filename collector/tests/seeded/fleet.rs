//! A fleet on a Wednesday morning: one school cut, one disk full, the rest well.

use super::{Agent, World, all_well, check, goodbye, inventory, started};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use vigie_shared::uai::Uai;

/// When the pages of this fleet are looked at: Wednesday 25 November 2026, 11 h 52 in Paris.
pub const NOW: &str = "2026-11-25T10:52:00Z";

/// What is where.
pub struct Fleet {
    pub cut: Uai,
    pub full: MachineName,
    /// A machine with its whole inventory.
    pub server: MachineName,
}

/// A machine by identifier and name.
pub struct MachineName {
    pub id: vigie_shared::id::MachineId,
    pub name: String,
}

const SCHOOLS: [(&str, &str, usize, usize); 9] = [
    ("Collège des Tilleuls", "Valmont-le-Bois", 14, 4),
    ("Collège Arc-en-Pierre", "Sainte-Marthe", 13, 3),
    ("Collège du Grand-Pré", "Bréville", 15, 1),
    ("Collège La Rivière", "Mornay", 15, 2),
    ("Collège Les Ormes", "Valmont-le-Bois", 12, 4),
    ("Collège des Moulins", "Coudray", 16, 1),
    ("Collège Hautes-Bornes", "Sainte-Marthe", 14, 2),
    ("Collège du Port", "Bréville", 11, 5),
    ("Collège des Vignes", "Coudray", 15, 2),
];

/// Makes it.
pub async fn make(world: &mut World) -> Fleet {
    let now: Timestamp = NOW.parse().unwrap();
    let mut schools: Vec<(Uai, u8, Vec<Agent>)> = vec![];
    for (name, town, on, off) in SCHOOLS {
        world.clock.set(now - SignedDuration::from_hours(26));
        let (uai, number) = world.school(name, town, "Nord").await;
        let mut agents = vec![];
        for n in 0..on + off {
            let room = ["CDI", "B12", "TECHNO", "PROF"][n % 4];
            let kind = if n == 0 { "server" } else { "workstation" };
            let mut agent = world.machine((uai, number), &format!("{room}-{:02}", n / 4 + 1), kind, true).await;
            let mut facts = vec![started()];
            facts.extend(all_well());
            let sections = if n == 0 { inventory::usual(&agent.name) } else { vec![] };
            world.call(&mut agent, &facts, &sections).await;
            if n >= on {
                world.clock.set(now - SignedDuration::from_hours(17));
                world.call(&mut agent, &[goodbye()], &[]).await;
                world.clock.set(now - SignedDuration::from_hours(26));
            }
            agents.push(agent);
        }
        agents.truncate(on);
        schools.push((uai, number, agents));
    }
    let (cut, full) = (schools[0].0, MachineName { id: schools[1].2[2].id, name: schools[1].2[2].name.clone() });
    let server = MachineName { id: schools[1].2[0].id, name: schools[1].2[0].name.clone() };
    // Everybody calls until two minutes past ten; then one line is cut.
    let cut_at = now - SignedDuration::from_mins(110);
    heartbeats(world, &mut schools, cut_at - SignedDuration::from_secs(40), 0).await;
    world.clock.set(cut_at + SignedDuration::from_mins(3));
    world.tick(cut).await;
    // It has lasted long enough for a ticket.
    world.clock.pass(SignedDuration::from_mins(2));
    world.tick(cut).await;
    let space = json!({"free_bytes": "7900000000", "total_bytes": "248000000000", "free_percent": "3.1"});
    world.clock.set(now - SignedDuration::from_mins(32));
    world.call(&mut schools[1].2[2], &[check("volume-space", "C:", "critical", "space_critical", space)], &[]).await;
    let low = json!({"free_bytes": "21000000000", "total_bytes": "248000000000", "free_percent": "8.4"});
    for n in 4..6 {
        world
            .call(&mut schools[3].2[n], &[check("volume-space", "C:", "warning", "space_low", low.clone())], &[])
            .await;
    }
    let sample =
        json!({"kind": "samples", "values": [{"metric": "volume_free_bytes", "instance": "C:", "value": 181e9}]});
    heartbeats(world, &mut schools, now - SignedDuration::from_secs(20), 1).await;
    world.call(&mut schools[1].2[0], &[sample], &[]).await;
    world.clock.set(now - SignedDuration::from_mins(4));
    for n in 1..=3 {
        world.machine((schools[2].0, schools[2].1), &format!("NEUF-{n:02}"), "workstation", false).await;
    }
    world.clock.set(now);
    Fleet { cut, full, server }
}

/// All machines of the schools from the one at `first` call once.
async fn heartbeats(world: &World, schools: &mut [(Uai, u8, Vec<Agent>)], at: Timestamp, first: usize) {
    world.clock.set(at);
    for (_, _, agents) in schools.iter_mut().skip(first) {
        for agent in agents {
            world.call(agent, &[], &[]).await;
        }
    }
}
