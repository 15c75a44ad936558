//! `/healthz` for supervisors of services, `/metrics` for Prometheus (text format 0.0.4).
//!
//! `/healthz` says only that the store answers and the version; it needs no sign-in and holds no figure of the fleet.
//! `/metrics` tells how many machines and outages there are: it is for callers on this very host, or people signed in.

use super::Web;
use super::page::PageError;
use crate::store::Counts;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// 200 when the store answers, 503 otherwise.
pub async fn healthz(State(web): State<Web>) -> Response {
    let answer = tokio::time::timeout(PATIENCE, web.context.store.has_users()).await;
    let (status, store) = match answer {
        Ok(Ok(_)) => (StatusCode::OK, "ok"),
        Ok(Err(error)) => {
            tracing::error!(%error, "the store does not answer the health check");
            (StatusCode::SERVICE_UNAVAILABLE, "failing")
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "too_slow"),
    };
    let word = if status == StatusCode::OK { "ok" } else { "failing" };
    let body = serde_json::json!({ "status": word, "store": store, "version": env!("CARGO_PKG_VERSION") });
    (status, axum::Json(body)).into_response()
}

/// Figures.
pub async fn metrics(State(web): State<Web>) -> Result<Response, PageError> {
    let counts = web.context.store.counts(web.context.clock.now()).await?;
    let in_doubt = web.context.in_doubt.load(Ordering::Relaxed);
    let body = text(&counts, web.streams.open(), in_doubt);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body).into_response())
}

fn text(counts: &Counts, streams: usize, in_doubt: u64) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, lines: Vec<(String, u64)>| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in lines {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    };
    let by = |label: &str, map: &std::collections::BTreeMap<String, u64>| {
        map.iter().map(|(word, n)| (format!("{{{label}=\"{}\"}}", escaped(word)), *n)).collect::<Vec<_>>()
    };
    let one = |n: u64| vec![(String::new(), n)];
    let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    family("vigie_build_info", "gauge", "Version of the collector.", vec![(version, 1)]);
    family("vigie_machines", "gauge", "Machines by presence.", by("presence", &counts.machines));
    family("vigie_machines_quarantined", "gauge", "Machines that wait for approval.", one(counts.quarantined));
    family("vigie_incidents_open", "gauge", "Open incidents by check.", by("check", &counts.open_incidents));
    family("vigie_tickets_open", "gauge", "Open tickets.", one(counts.open_tickets));
    family("vigie_events_stored", "gauge", "Events kept.", one(counts.events));
    family("vigie_event_gaps_stored", "gauge", "Ranges of events that no longer exist anywhere.", one(counts.gaps));
    family("vigie_collectors", "gauge", "Collectors on this store that live.", one(counts.replicas));
    family("vigie_messages_waiting", "gauge", "Messages to people that nobody took yet.", one(counts.messages_waiting));
    let help = "Calls that the collector failed on, kept to be looked at (vigie-collector refused).";
    family("vigie_calls_refused_kept", "gauge", help, one(counts.refused_kept));
    let help =
        "Open incidents that do not follow from the facts, at the last look: a defect of Vigie, told in the log.";
    family("vigie_incidents_in_doubt", "gauge", help, one(in_doubt));
    let streams = u64::try_from(streams).unwrap_or(u64::MAX);
    family("vigie_live_streams", "gauge", "Pages that follow live.", one(streams));
    out
}

/// A label's value (backslash, quote and line feed are escaped).
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_from_machines_cannot_write_lines_of_their_own() {
        let counts =
            Counts { open_incidents: [("a\"\nvigie_tickets_open 99".to_owned(), 1)].into(), ..Counts::default() };
        let text = text(&counts, 3, 0);
        assert!(text.contains(r#"vigie_incidents_open{check="a\"\nvigie_tickets_open 99"} 1"#), "{text}");
        assert!(text.contains("\nvigie_live_streams 3\n") && !text.contains("\nvigie_tickets_open 99"), "{text}");
    }
}
