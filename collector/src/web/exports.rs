//! `/api/v1/export/{machines,software}.{csv,json}`: the fleet for other programs, whole or a basin or school of it.

use super::Web;
use super::guard::Ask;
use super::page::{PageError, json};
use crate::fleet::catalogue::{Catalogue, Part};
use crate::fleet::sheet::{Cell, Sheet};
use crate::store::{FleetRow, FleetRows};
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// Which part of the fleet; empty or left out: all of it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Asked {
    /// Schools of this basin.
    #[serde(default)]
    pub bassin: String,
    /// This school.
    #[serde(default)]
    pub etablissement: String,
}

impl Asked {
    /// As the store takes it. A number that is no UAI is refused rather than taken for all.
    pub fn part(&self) -> Result<Part, PageError> {
        let (basin, school) = (self.bassin.trim(), self.etablissement.trim());
        let school = match school {
            "" => None,
            uai => Some(uai.parse().map_err(|_| PageError::NotFound)?),
        };
        Ok(Part { basin: (!basin.is_empty()).then(|| basin.to_owned()), school, machine: None })
    }

    /// As a query, to keep it on the way to another page.
    pub fn query(&self) -> String {
        let encode = super::page::encode;
        format!("bassin={}&etablissement={}", encode(self.bassin.trim()), encode(self.etablissement.trim()))
    }
}

/// One export.
pub async fn show(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(file): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let part = asked.part()?;
    let (table, format) = file.split_once('.').ok_or(PageError::NotFound)?;
    if !matches!((table, format), ("machines" | "software", "csv" | "json")) {
        return Err(PageError::NotFound);
    }
    let store = &web.context.store;
    let sheet = match table {
        "machines" => machines(&store.fleet_rows(part).await?),
        _ => software(&store.software(part).await?),
    };
    tracing::info!(by = ask.login(), file, rows = sheet.rows.len(), "the fleet was exported");
    if format == "json" {
        return json(&sheet.json());
    }
    let name = format!("attachment; filename=\"vigie-{table}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        // A bound that was hit is said where a table has no place for it.
        (header::HeaderName::from_static("x-vigie-cut"), u8::from(sheet.cut).to_string()),
    ];
    Ok((headers, sheet.csv()).into_response())
}

const MACHINES: &[&str] = &[
    "id",
    "name",
    "kind",
    "status",
    "school_uai",
    "school",
    "town",
    "basin",
    "room",
    "inventory_number",
    "state",
    "warranty_end",
    "note",
    "seen_on_site",
    "seen_on_site_by",
    "last_seen",
    "enrolled",
    "manufacturer",
    "model",
    "serial",
    "system",
    "kernel",
    "memory_bytes",
];

fn machines(list: &FleetRows) -> Sheet {
    Sheet { heads: MACHINES, rows: list.rows.iter().map(machine).collect(), cut: list.cut }
}

fn machine(row: &FleetRow) -> Vec<Cell> {
    let (hand, written) = (&row.hand, &row.hand.written);
    let seen = hand.seen.as_ref();
    vec![
        row.id.to_string().into(),
        row.host_name.as_str().into(),
        row.kind.as_str().into(),
        row.status.as_str().into(),
        row.school.0.to_string().into(),
        row.school.1.as_str().into(),
        row.town.as_str().into(),
        row.basin.clone().into(),
        written.room.as_str().into(),
        written.inventory_number.as_str().into(),
        written.state.as_str().into(),
        written.warranty_end.map(|date| date.to_string()).into(),
        written.note.as_str().into(),
        seen.map(|(at, _, _)| at.to_string()).into(),
        seen.map(|(_, by, _)| by.clone()).into(),
        row.last_seen.map(|at| at.to_string()).into(),
        row.enrolled.to_string().into(),
        row.system.manufacturer.clone().into(),
        row.system.product.clone().into(),
        row.system.serial.clone().into(),
        row.os.full_name.clone().or_else(|| row.os.name.clone()).into(),
        row.os.kernel.clone().into(),
        row.memory_bytes.into(),
    ]
}

const SOFTWARE: &[&str] = &["name", "source", "publisher", "version", "newest_seen", "machines", "machines_of_program"];

/// One row a version of a program, the newest first.
fn software(catalogue: &Catalogue) -> Sheet {
    let mut rows = Vec::new();
    for (key, program) in &catalogue.programs {
        let all = u64::try_from(program.machines().len()).unwrap_or(u64::MAX);
        for (place, (version, machines)) in program.by_age(&key.source).into_iter().enumerate() {
            rows.push(vec![
                program.name.as_str().into(),
                key.source.as_str().into(),
                program.publisher.clone().into(),
                version.into(),
                Cell::Truth(place == 0),
                u64::try_from(machines.len()).unwrap_or(u64::MAX).into(),
                all.into(),
            ]);
        }
    }
    Sheet { heads: SOFTWARE, rows, cut: catalogue.cut }
}
