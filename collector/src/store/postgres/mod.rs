//! The engine that grows: PostgreSQL, shared by any number of collectors. Nothing about the domain is here: only
//! connections, the texts that make the tables, and what this engine does better in bulk.

mod days;
mod engine;
mod faults;
mod link;
mod listen;
mod quiet;
mod schema;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
mod value;

pub use settings::Settings;

use super::StoreError;
use super::sql::engine::Sql;
use super::sql::{READERS, SqlStore};
use engine::Engine;
use session::Use;
use std::sync::Arc;

/// Opens the store in this database, bringing its tables up to date. A database written by a newer Vigie, or one that
/// holds something else under our names, is refused.
pub fn open(settings: &Settings) -> Result<SqlStore, StoreError> {
    // With all the time that it may take.
    drop(connection(settings)?);
    let (settings, own) = (Arc::new(settings.clone()), own());
    let connect = || Engine::connect(settings.clone(), own.clone(), Use::Serve).map(Sql::new);
    let writer = connect()?;
    let mut readers = Vec::with_capacity(READERS);
    for _ in 0..READERS {
        readers.push(connect()?);
    }
    let store = SqlStore::start(writer, readers)?;
    listen::start(settings, own, store.published())?;
    Ok(store)
}

/// One connection to a store in this database, its tables up to date. A statement may take as long as it takes.
pub fn connection(settings: &Settings) -> Result<Sql, StoreError> {
    let sql = Sql::new(Engine::connect(Arc::new(settings.clone()), own(), Use::Copy)?);
    named(schema::migrate(&sql), settings)?;
    Ok(sql)
}

/// One connection that reads what exists and changes nothing, for as long as it takes. A database whose tables are not
/// those of this program is refused.
pub fn read_only(settings: &Settings) -> Result<Sql, StoreError> {
    let sql = Sql::new(Engine::connect(Arc::new(settings.clone()), own(), Use::Copy)?);
    named(schema::is_current(&sql), settings)?;
    Ok(sql)
}

fn named(result: Result<(), StoreError>, settings: &Settings) -> Result<(), StoreError> {
    result.map_err(|error| match error {
        StoreError::Failed(why) if !why.starts_with(settings.place()) => {
            StoreError::Failed(format!("{}: {why}", settings.place()))
        }
        other => other,
    })
}

/// A name for this process among those that use the database.
fn own() -> Arc<str> {
    uuid::Uuid::now_v7().simple().to_string().into()
}
