//! Serves the pages over an invented fleet on the loopback, to look at them: `cargo run --example pages [PORT
//! [empty|doubt]]`: without machines, or as if the reconciler had found something.
//!
//! Prints the address; sign in as `superviseur` or `technicien.a` with the password it prints.

#[path = "../tests/seeded/mod.rs"]
mod seeded;

use seeded::{PASSWORD, World, fleet};
use vigie_collector::store::Role;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(0), |port| port.parse())?;
    let what = std::env::args().nth(2).unwrap_or_default();
    let folder = tempfile::tempdir()?;
    let mut world = World::new(folder.path(), fleet::NOW.parse()?);
    world.user("superviseur", Role::Supervisor).await;
    world.user("technicien.a", Role::Technician).await;
    if what != "empty" {
        let fleet = fleet::make(&mut world).await;
        println!("with a history: /postes/{}", aged(&mut world).await);
        println!("/etablissements/{} /postes/{} /postes/{}", fleet.cut, fleet.full.id, fleet.server.id);
    }
    if what == "doubt" {
        world.in_doubt.store(2, std::sync::atomic::Ordering::Relaxed);
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{} (superviseur or technicien.a, {PASSWORD})", listener.local_addr()?);
    let service = world.router(false).into_make_service_with_connect_info::<std::net::SocketAddr>();
    axum::serve(listener, service).await?;
    Ok(())
}

/// A machine whose inventory changed: there is a history to look at.
async fn aged(world: &mut World) -> vigie_shared::id::MachineId {
    let school = world.school("Collège des Acacias", "Bois-le-Val", "Sud").await;
    let mut agent = world.machine(school, "ACA-CDI-01", "workstation", true).await;
    let mut facts = vec![seeded::started()];
    facts.extend(seeded::all_well());
    let first = seeded::inventory::usual(&agent.name);
    world.call(&mut agent, &facts, &first).await;
    world.clock.pass(jiff::SignedDuration::from_mins(1));
    let text = |name: &str, body: &serde_json::Value| match name {
        "memory" => body.to_string().replace("16571695104", "8285847552"),
        "storage" => {
            body.to_string().replace("KIOXIA KBG40ZNV256G", "CT500P3SSD8").replace("Z0P1234567", "2241E67A1B2C")
        }
        "software" => body.to_string().replace("-1\"", "-2\"").replace("gimp", "krita"),
        _ => body.to_string(),
    };
    let later: Vec<(&str, serde_json::Value)> =
        first.iter().filter_map(|(name, body)| Some((*name, serde_json::from_str(&text(name, body)).ok()?))).collect();
    world.call(&mut agent, &[], &later).await;
    // Installed anew, in another school.
    let other = world.school("Collège de la Source", "Bois-le-Val", "Sud").await;
    let hardware =
        vigie_shared::evidence::HardwareEvidence { board_serial: Some("PF1A2B3C".to_owned()), ..Default::default() };
    for (school, name) in [(school, "ACA-CDI-02"), (other, "SOU-S3-01")] {
        world.machine_with(school, name, "workstation", true, hardware.clone()).await;
        world.clock.pass(jiff::SignedDuration::from_mins(1));
    }
    agent.id
}
