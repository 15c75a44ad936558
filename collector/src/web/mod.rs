//! The pages: server-rendered, French and English, live through SSE. Access is decided in [`access`] only.
//!
//! One file a page ([`fleet`], [`school`], [`calendar`] and [`calendar_api`], [`machine`], [`tickets`], [`ticket_policy`], [`maintenance`],
//! [`quarantine`], [`search`], [`sign_in`]); beside
//! them what they share. Handlers read views from the store, turn them into words, and hand those to a template:
//! templates hold structure only and escape everything.

mod access;
mod api;
mod assets;
mod calendar;
mod calendar_api;
mod cells;
mod cookies;
mod due;
mod exports;
mod fleet;
mod guard;
mod hand;
mod health;
mod history;
mod incidents;
mod lang;
mod language;
mod live;
mod machine;
mod maintenance;
mod notes;
mod page;
pub mod password;
mod quarantine;
mod reasons;
mod school;
mod search;
mod sections;
mod session;
mod sign_in;
mod software;
mod software_rules;
mod stock;
mod ticket_policy;
mod tickets;
mod words;

use crate::clock::Clock;
use crate::engine::Decide;
use crate::ingest::reconciler::InDoubt;
use crate::store::Store;
use access::Need;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};
use std::sync::Arc;

/// What the pages stand on.
#[derive(Clone)]
pub struct Context {
    /// Facts, tickets, users, sessions.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The engine: an approval is told to it in the same transaction.
    pub decider: Arc<dyn Decide>,
    /// What the reconciler found last, for `/metrics`.
    pub in_doubt: InDoubt,
    /// True behind TLS: cookies are `Secure` with the prefix `__Host-`, and HSTS is sent. False only on the plain
    /// listener of the loopback.
    pub secure_cookies: bool,
}

/// The context and what requests share.
#[derive(Clone)]
struct Web {
    context: Context,
    passwords: password::Verifier,
    streams: live::Streams,
}

/// One way in: method, path, need, handler.
struct Route {
    method: &'static str,
    path: &'static str,
    need: Need,
    handler: MethodRouter<Web>,
}

fn routes() -> Vec<Route> {
    use Need::{
        ApproveMachines, EditCalendars, EditCalendarsProgram, Metrics, Nothing, PlanMaintenance, SignIn, SignedIn,
        SignedInProgram,
    };
    use Need::{
        DescribeMachines, SoftwarePolicy, SoftwarePolicyProgram, TicketPolicy, TicketPolicyProgram, WorkOnTickets,
    };
    let read = |path, need, handler| Route { method: "GET", path, need, handler };
    let write = |path, need, handler| Route { method: "POST", path, need, handler };
    let replace = |path, need, handler| Route { method: "PUT", path, need, handler };
    let remove = |path, need, handler| Route { method: "DELETE", path, need, handler };
    vec![
        read("/", SignedIn, get(fleet::show)),
        read("/etablissements/{uai}", SignedIn, get(school::show)),
        read("/etablissements/{uai}/calendrier", SignedIn, get(calendar::show)),
        write("/etablissements/{uai}/calendrier", EditCalendars, post(calendar::change)),
        read("/postes/{id}", SignedIn, get(machine::show)),
        write("/postes/{id}/fiche", DescribeMachines, post(hand::save)),
        read("/api/v1/machines/{id}/history", SignedInProgram, get(history::api)),
        read("/api/v1/machines/{id}/inventory.glpi.json", SignedInProgram, get(machine::glpi)),
        read("/api/v1/export/{name}", SignedInProgram, get(exports::show)),
        read("/logiciels", SignedIn, get(software::list)),
        read("/logiciels/regles", SignedIn, get(software_rules::show)),
        write("/logiciels/regles", SoftwarePolicy, post(software_rules::save)),
        read("/api/v1/software-policy", SoftwarePolicyProgram, get(software_rules::api_show)),
        replace("/api/v1/software-policy", SoftwarePolicyProgram, put(software_rules::api_save)),
        read("/api/v1/software-findings", SignedInProgram, get(software_rules::api_found)),
        read("/logiciels/versions", SignedIn, get(software::versions)),
        read("/recensement", SignedIn, get(stock::show)),
        write("/recensement", DescribeMachines, post(stock::take)),
        read("/tickets", SignedIn, get(tickets::list)),
        read("/tickets/{id}", SignedIn, get(tickets::show)),
        write("/tickets/{id}", WorkOnTickets, post(tickets::act)),
        write("/etablissements/{uai}/appel", WorkOnTickets, post(tickets::call)),
        read("/regles", SignedIn, get(ticket_policy::show)),
        write("/regles", TicketPolicy, post(ticket_policy::save)),
        read("/api/v1/ticket-policy", TicketPolicyProgram, get(ticket_policy::api_show)),
        replace("/api/v1/ticket-policy", TicketPolicyProgram, put(ticket_policy::api_save)),
        read("/api/v1/calendar", SignedInProgram, get(calendar_api::fleet)),
        replace("/api/v1/calendar", EditCalendarsProgram, put(calendar_api::set_fleet)),
        remove("/api/v1/calendar", EditCalendarsProgram, delete(calendar_api::clear_fleet)),
        read("/api/v1/schools/{uai}/calendar", SignedInProgram, get(calendar_api::of_school)),
        replace("/api/v1/schools/{uai}/calendar", EditCalendarsProgram, put(calendar_api::set_school)),
        remove("/api/v1/schools/{uai}/calendar", EditCalendarsProgram, delete(calendar_api::clear_school)),
        read("/api/v1/closures", SignedInProgram, get(calendar_api::closures)),
        write("/api/v1/closures", EditCalendarsProgram, post(calendar_api::close)),
        remove("/api/v1/closures/{id}", EditCalendarsProgram, delete(calendar_api::reopen)),
        read("/api/v1/school-holidays", SignedInProgram, get(calendar_api::holidays)),
        write("/api/v1/school-holidays", EditCalendarsProgram, post(calendar_api::import)),
        read("/api/v1/school-holidays/{zone}/{year}", SignedInProgram, get(calendar_api::one_year)),
        replace("/api/v1/school-holidays/{zone}/{year}", EditCalendarsProgram, put(calendar_api::set_year)),
        remove("/api/v1/school-holidays/{zone}/{year}", EditCalendarsProgram, delete(calendar_api::clear_year)),
        read("/maintenances", SignedIn, get(maintenance::list)),
        write("/maintenances", PlanMaintenance, post(maintenance::add)),
        write("/maintenances/{id}/fin", PlanMaintenance, post(maintenance::end)),
        read("/quarantaine", SignedIn, get(quarantine::list)),
        write("/quarantaine", ApproveMachines, post(quarantine::approve)),
        write("/quarantaine/rattacher", ApproveMachines, post(quarantine::attach)),
        write("/quarantaine/separer", ApproveMachines, post(quarantine::detach)),
        read("/recherche", SignedIn, get(search::show)),
        read("/live", SignedInProgram, get(live::stream)),
        read(sign_in::PATH, SignIn, get(sign_in::show)),
        write(sign_in::PATH, SignIn, post(sign_in::enter)),
        write("/deconnexion", SignedIn, post(sign_in::leave)),
        read("/langue/{code}", Nothing, get(language::choose)),
        read("/static/{name}", Nothing, get(assets::show)),
        read("/healthz", Nothing, get(health::healthz)),
        read("/metrics", Metrics, get(health::metrics)),
    ]
}

/// Method and path of every route, with `{…}` for its parameters: what tests of access go through.
pub fn ways_in() -> Vec<(&'static str, &'static str)> {
    routes().into_iter().map(|route| (route.method, route.path)).collect()
}

/// All routes of the web door. Requests should carry `axum::extract::ConnectInfo<SocketAddr>` as an extension: without
/// it nobody counts as local, and `/metrics` is for people signed in only.
pub fn router(context: Context) -> Router {
    let web = Web { context, passwords: password::Verifier::new(), streams: live::Streams::default() };
    let mut router = Router::new();
    for route in routes() {
        tracing::debug!(method = route.method, path = route.path, need = ?route.need, "route");
        let layer = from_fn_with_state((web.clone(), route.need), guard::guard);
        router = router.route(route.path, route.handler.layer(layer));
    }
    let nowhere = get(guard::nowhere).layer(from_fn_with_state((web.clone(), Need::SignIn), guard::guard));
    router
        .method_not_allowed_fallback(guard::not_that_way)
        .fallback_service(nowhere.with_state(web.clone()))
        .layer(from_fn_with_state(web.clone(), guard::protect))
        .with_state(web)
}
