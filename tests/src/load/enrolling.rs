//! Enrolment of many machines through the real door: each with its own key, request and certificate.

use super::agent::{Agent, Who};
use super::orders::SchoolPlan;
use super::wire::{Encoding, Wire, write_request};
use super::world::World;
use super::{address, uai};
use crate::client::{certificate_of, pinned_config};
use crate::fake::{certificate_request, enrol_request};
use anyhow::{Context, Result, bail};
use rustls::ClientConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vigie_shared::enrol::{self, EnrolAnswer};
use vigie_shared::limits::ALPN_ENROL;
use vigie_shared::token::EnrolmentToken;

/// Enrolments at one time: the door has 256 places.
const AT_ONCE: usize = 48;
/// Tries of one machine.
const TRIES: u64 = 5;

/// Enrols everybody of the plan; the authority's certificate (PEM) and the machines, in order.
pub async fn all(world: &Arc<World>) -> Result<(String, Vec<Agent>)> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    let mut order = 0;
    for school in &world.plan.schools {
        let token: EnrolmentToken = school.token.parse()?;
        let mut config = pinned_config(&token, &[ALPN_ENROL], Arc::new(Mutex::new(None)))?;
        config.time_provider = world.clock.clone();
        let config = Arc::new(config);
        for seat in 0..school.machines {
            let (world, school, config) = (world.clone(), school.clone(), config.clone());
            let (places, place) = (places.clone(), order);
            tasks.spawn(async move {
                let _place = places.acquire_owned().await?;
                one(&world, &school, seat, place, &config).await
            });
            order += 1;
        }
    }
    let mut agents = Vec::with_capacity(order);
    let mut authority = None;
    while let Some(done) = tasks.join_next().await {
        let (seen, agent) = done??;
        authority = Some(seen);
        agents.push(agent);
    }
    agents.sort_by_key(|agent: &Agent| agent.who.place);
    let authority = authority.context("nobody to enrol")?;
    world.trust(&authority)?;
    Ok((authority, agents))
}

async fn one(
    world: &World,
    school: &SchoolPlan,
    seat: usize,
    place: usize,
    config: &Arc<ClientConfig>,
) -> Result<(String, Agent)> {
    let host = format!("{}-poste{}", uai(school.place).to_lowercase(), seat + 1);
    let (key, request) = certificate_request()?;
    let message = enrol_request(&school.token, &request, &host);
    let body = serde_json::to_vec(&message)?;
    let from = address(school.place, seat);
    let mut trouble = String::new();
    for turn in 0..TRIES {
        let door = world.door(super::orders::Target::Collector, place + usize::try_from(turn)?)?;
        let answer = match say(from, door, config, &body).await {
            Ok((200, body)) => serde_json::from_slice::<EnrolAnswer>(&body)?,
            Ok((status, body)) if status != 503 && status != 429 => {
                bail!("{host} was refused: {status} {}", String::from_utf8_lossy(&body));
            }
            other => {
                trouble = other.map_or_else(|error| format!("{error:#}"), |(status, _)| format!("HTTP {status}"));
                tokio::time::sleep(Duration::from_millis(200 << turn)).await;
                continue;
            }
        };
        if answer.quarantined {
            world.counters.count(&world.counters.quarantined);
        }
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signing = world.provider().key_provider.load_private_key(private)?;
        let key = Arc::new(CertifiedKey::new(vec![certificate_of(&answer.certificate)?], signing));
        let who = Who { place, school: school.place, from, machine: answer.machine, key, hardware: message.hardware };
        return Ok((answer.authority, Agent::new(world, who)));
    }
    bail!("{host} could not enrol in {TRIES} tries: {trouble}")
}

async fn say(
    from: std::net::Ipv4Addr,
    door: std::net::SocketAddr,
    config: &Arc<ClientConfig>,
    body: &[u8],
) -> Result<(u16, Vec<u8>)> {
    let mut wire = Wire::open(from, door, config).await?;
    let mut request = Vec::new();
    write_request(&mut request, enrol::PATH, door, body, Encoding::Typed);
    let head = wire.call(&request).await?;
    Ok((head.status, wire.body(&head).to_vec()))
}
