//! Who may speak: tokens, enrolment, certificates, approval and revocation.

use super::super::{Enrolled, Enrolment, NewCertificate, NewToken, Peer, StoreError, Which};
use super::engine::Sql;
use super::row::{Row, cut, json, ms, params};
use super::writer::Tx;
use super::{decide, effects, findings, schools};
use crate::engine::{Decide, Input, NetworkKind, Note, Presence};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use vigie_shared::error::{ErrorCode, Refusal};
use vigie_shared::id::{MachineId, SchoolId};

/// Longest name of a room, characters.
const ROOM_MAX: usize = 60;

/// Longest host name kept, characters (RFC 1035 allows 253).
const HOST_NAME_MAX: usize = 253;
/// Kinds of machines; another word is taken for the first.
const KINDS: [&str; 4] = ["workstation", "laptop", "server", "nomade"];

/// A refusal with a stable code.
pub fn refused(code: ErrorCode, message: impl Into<String>) -> StoreError {
    StoreError::Refused(Refusal { code, message: message.into() })
}

/// Keeps a token.
pub fn create_token(tx: &mut Tx<'_>, token: &NewToken) -> Result<(), StoreError> {
    let school = schools::find(tx.sql, token.school)?;
    const SQL: &str = "INSERT INTO token (secret_sha256, school, uses, expires, created) VALUES (?1, ?2, ?3, ?4, ?5) \
                       ON CONFLICT (secret_sha256) DO NOTHING";
    let row = params![token.secret_sha256, school.as_bytes(), token.uses, ms(token.expires), ms(token.created)];
    if tx.sql.execute(SQL, row)? == 0 {
        return Err(StoreError::Conflict("a token with this secret exists already: make another".to_owned()));
    }
    Ok(())
}

/// Takes one use of a token and makes a machine.
pub fn enrol(tx: &mut Tx<'_>, request: &Enrolment) -> Result<Enrolled, StoreError> {
    let now = cut(request.now);
    let (school, left, expires) = token(tx.sql, request)?;
    if let Some(known) = enrolled_before(tx.sql, request)? {
        return Ok(known);
    }
    if expires < now {
        return Err(refused(ErrorCode::TokenExpired, "the enrolment token is past its end date: ask for a new one"));
    }
    if left <= 0 {
        return Err(refused(ErrorCode::TokenExhausted, "the enrolment token has no uses left: ask for a new one"));
    }
    const USE: &str = "UPDATE token SET used = used + 1 WHERE secret_sha256 = ?1";
    tx.sql.execute(USE, params![request.secret_sha256])?;

    let machine = MachineId::new();
    let expected = address_expected(tx.sql, school, request.address)?;
    const SQL: &str = "INSERT INTO machine (id, school, host_name, kind, status, why, hardware, enrolled, \
        enrolled_from, enrolled_token, enrolled_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    tx.sql.execute(
        SQL,
        params![
            machine.as_bytes(),
            school.as_bytes(),
            request.host_name.chars().take(HOST_NAME_MAX).collect::<String>(),
            KINDS.iter().find(|kind| **kind == request.kind).unwrap_or(&"workstation"),
            if expected { "trusted" } else { "quarantined" },
            (!expected).then_some("address_not_expected"),
            json(&request.hardware.clone().clean())?,
            ms(now),
            request.address.to_canonical().to_string(),
            request.secret_sha256,
            request.key_sha256,
        ],
    )?;
    let policy = tx.policy()?;
    const LIVE: &str = "INSERT INTO liveness (machine, presence, interval_s, backoff_cap_s) VALUES (?1, ?2, ?3, ?4)";
    let row = params![machine.as_bytes(), Presence::Never.as_str(), policy.heartbeat_s, policy.backoff_cap_s()];
    tx.sql.execute(LIVE, row)?;
    tx.recount.insert(school);
    tx.changed(school)?;
    Ok(Enrolled { machine, quarantined: !expected })
}

/// School, uses left and end of the token. An unknown secret and another school's token read the same from outside.
fn token(sql: &Sql, request: &Enrolment) -> Result<(SchoolId, i64, Timestamp), StoreError> {
    const SQL: &str = "SELECT t.school, t.uses - t.used, t.expires FROM token t JOIN school s ON s.id = t.school \
                       WHERE t.secret_sha256 = ?1 AND s.uai = ?2";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found = sql.find(SQL, params![request.secret_sha256, request.school.as_str()], read)?;
    let message = "the enrolment token is not known here, or not for this school: ask for a new one";
    found.ok_or_else(|| refused(ErrorCode::TokenInvalid, message))
}

/// The machine that this key made with this token, if its answer was lost.
fn enrolled_before(sql: &Sql, request: &Enrolment) -> Result<Option<Enrolled>, StoreError> {
    const SQL: &str = "SELECT id, status FROM machine WHERE enrolled_token = ?1 AND enrolled_key = ?2";
    let read = |row: &Row<'_>| Ok((row.get::<MachineId>(0)?, row.get::<String>(1)?));
    let key = params![request.secret_sha256, request.key_sha256];
    match sql.find(SQL, key, read)? {
        None => Ok(None),
        Some((_, status)) if status == "revoked" => Err(refused(
            ErrorCode::CertificateRevoked,
            "this machine was revoked: make a new key and enrol with a new token",
        )),
        Some((_, status)) if status == "deleted" => Err(deleted()),
        Some((machine, status)) => Ok(Some(Enrolled { machine, quarantined: status == "quarantined" })),
    }
}

fn deleted() -> StoreError {
    refused(ErrorCode::MachineDeleted, "this machine was deleted: it may enrol again with a new token")
}

fn address_expected(sql: &Sql, school: SchoolId, address: IpAddr) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT cidr FROM network WHERE school = ?1";
    let cidrs: Vec<String> = sql.all(SQL, params![school.as_bytes()], |row| row.get(0))?;
    let address = address.to_canonical();
    for cidr in cidrs {
        if cidr.parse::<ipnet::IpNet>().is_ok_and(|net| net.contains(&address)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keeps a certificate that was just signed.
pub fn add_certificate(tx: &mut Tx<'_>, certificate: &NewCertificate) -> Result<(), StoreError> {
    school_of(tx.sql, certificate.machine)?;
    const SQL: &str = "INSERT INTO certificate (serial, machine, key_sha256, not_before, not_after) \
                       VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (serial) DO NOTHING";
    let row = params![
        certificate.serial,
        certificate.machine.as_bytes(),
        certificate.key_sha256,
        ms(certificate.not_before),
        ms(certificate.not_after),
    ];
    if tx.sql.execute(SQL, row)? == 0 {
        return Err(StoreError::Conflict("a certificate with this serial number exists already".to_owned()));
    }
    Ok(())
}

/// What the database knows about a certificate and its machine.
pub struct Standing {
    /// The machine it was signed for.
    pub machine: MachineId,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Its last instant.
    pub not_after: Timestamp,
    /// Status of the machine.
    pub status: String,
}

/// Judges a certificate as of `now`. One rule for the renewal and for every call.
pub fn judge(peer: &Peer, standing: Option<&Standing>, now: Timestamp) -> Result<(), StoreError> {
    let Some(known) = standing.filter(|known| known.machine == peer.machine) else {
        let message = "this certificate was never given to this machine: enrol again with a token";
        return Err(refused(ErrorCode::MachineUnknown, message));
    };
    if known.status == "deleted" {
        return Err(deleted());
    }
    if known.revoked || known.status == "revoked" {
        let message = "this machine's certificate was revoked by a person: ask your supervisor before enrolling again";
        return Err(refused(ErrorCode::CertificateRevoked, message));
    }
    if known.not_after < now {
        let message = format!("this certificate ended on {}: enrol again with a token", known.not_after);
        return Err(refused(ErrorCode::CertificateExpired, message));
    }
    Ok(())
}

/// How far before the instant of the backup a certificate may begin to count as signed after it: certificates begin a
/// little in the past, and clocks of several collectors differ.
const SIGNED_BEFORE: SignedDuration = SignedDuration::from_hours(1);

/// The school of a machine whose certificate is not known because it was signed after the backup that this store was
/// restored from: the machine is known and not revoked, and the chain, which the agents' door verified, is ours.
pub fn adoptable(sql: &Sql, peer: &Peer) -> Result<Option<SchoolId>, StoreError> {
    const SQL: &str = "SELECT m.school FROM collector c JOIN machine m ON m.id = ?1 \
        WHERE c.restored_from <= ?2 AND m.status IN ('trusted', 'quarantined') \
        AND NOT EXISTS (SELECT 1 FROM certificate WHERE serial = ?3)";
    let began = peer.not_before.saturating_add(SIGNED_BEFORE).unwrap_or(Timestamp::MAX);
    sql.find(SQL, params![peer.machine, ms(began), peer.serial], |row| row.get(0))
}

/// Adopts such a certificate, with a finding. Answers whether it did.
pub fn adopt(tx: &mut Tx<'_>, peer: &Peer, now: Timestamp) -> Result<bool, StoreError> {
    let Some(school) = adoptable(tx.sql, peer)? else { return Ok(false) };
    add_certificate(
        tx,
        &NewCertificate {
            machine: peer.machine,
            serial: peer.serial.clone(),
            key_sha256: peer.key_sha256,
            not_before: peer.not_before,
            not_after: peer.not_after,
        },
    )?;
    let serial = data_encoding::HEXLOWER.encode(&peer.serial);
    let note = Note::new("certificate_adopted").with("serial", &serial).with("not_before", peer.not_before);
    findings::add(tx.sql, peer.machine, now, effects::MACHINE, &note, &serial, None)?;
    tracing::info!(machine = %peer.machine, serial, "a certificate signed after the restored backup was adopted");
    tx.changed(school)?;
    Ok(true)
}

/// Whether a certificate may be used now.
pub fn authorise(sql: &Sql, peer: &Peer, now: Timestamp) -> Result<MachineId, StoreError> {
    const SQL: &str = "SELECT c.machine, c.revoked IS NOT NULL, c.not_after, m.status FROM certificate c \
                       JOIN machine m ON m.id = c.machine WHERE c.serial = ?1";
    let read = |row: &Row<'_>| {
        Ok(Standing { machine: row.get(0)?, revoked: row.get(1)?, not_after: row.get(2)?, status: row.get(3)? })
    };
    let standing = sql.find(SQL, params![&peer.serial], read)?;
    judge(peer, standing.as_ref(), cut(now))?;
    Ok(peer.machine)
}

fn school_of(sql: &Sql, machine: MachineId) -> Result<(SchoolId, String), StoreError> {
    const SQL: &str = "SELECT school, status FROM machine WHERE id = ?1";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let found = sql.find(SQL, params![machine.as_bytes()], read)?;
    found.ok_or_else(|| StoreError::NotFound(format!("there is no machine {machine}")))
}

/// Approves one machine or all that wait, and tells the engine.
pub fn approve(
    tx: &mut Tx<'_>,
    which: &Which,
    by: &str,
    now: Timestamp,
    decider: &dyn Decide,
) -> Result<Vec<MachineId>, StoreError> {
    let now = cut(now);
    let schools: BTreeSet<SchoolId> = match which {
        Which::One(machine) => [school_of(tx.sql, *machine)?.0].into(),
        Which::All => {
            const SQL: &str = "SELECT DISTINCT school FROM machine WHERE status = 'quarantined'";
            tx.sql.all(SQL, &[], |row| row.get(0))?
        }
    };
    // A machine may go to quarantine until its school is locked; one of another school waits for the next time.
    tx.sql.engine().lock_schools(&schools)?;
    let mut waiting: Vec<(MachineId, SchoolId)> = match which {
        Which::One(machine) => match school_of(tx.sql, *machine)? {
            (school, status) if status == "quarantined" => vec![(*machine, school)],
            (_, status) if status == "trusted" => vec![],
            (_, status) => {
                let message = format!("machine {machine} is {status}: it must enrol again before it can be approved");
                return Err(StoreError::Conflict(message));
            }
        },
        Which::All => {
            const SQL: &str = "SELECT id, school FROM machine WHERE status = 'quarantined' ORDER BY id";
            tx.sql.all(SQL, &[], |row| Ok((row.get(0)?, row.get(1)?)))?
        }
    };
    waiting.retain(|(_, school)| schools.contains(school));
    let mut inputs: BTreeMap<SchoolId, Vec<Input>> = BTreeMap::new();
    for (machine, school) in &waiting {
        // The hardware that a person looked at is the one expected from now on.
        const SQL: &str = "UPDATE machine SET status = 'trusted', why = NULL, \
            hardware = coalesce(hardware_seen, hardware), hardware_seen = NULL WHERE id = ?1";
        tx.sql.execute(SQL, params![machine.as_bytes()])?;
        findings::add(tx.sql, *machine, now, by, &Note::new("approved"), &ms(now).to_string(), None)?;
        inputs.entry(*school).or_default().push(Input::MachineChanged { machine: *machine, at: now });
    }
    for (school, inputs) in inputs {
        decide::run(tx, school, &inputs, now, decider)?;
        tx.recount.insert(school);
        tx.changed(school)?;
    }
    Ok(waiting.into_iter().map(|(machine, _)| machine).collect())
}

/// Says where a machine stands, and on which network. Judged from the next look at its school on.
pub fn place(
    tx: &mut Tx<'_>,
    machine: MachineId,
    room: &str,
    network: Option<NetworkKind>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if room.chars().count() > ROOM_MAX || room.chars().any(char::is_control) {
        return Err(StoreError::Conflict(format!("a room is named with at most {ROOM_MAX} characters, on one line")));
    }
    let (school, _) = school_of(tx.sql, machine)?;
    tx.sql.engine().lock_schools(&[school].into())?;
    const SQL: &str = "UPDATE machine SET room = ?2, network = ?3 WHERE id = ?1";
    tx.sql.execute(SQL, params![machine.as_bytes(), room, network.map(NetworkKind::as_str)])?;
    const WAKE: &str = "UPDATE school_state SET next_wake = ?2 WHERE school = ?1 AND next_wake > ?2";
    tx.sql.execute(WAKE, params![school.as_bytes(), ms(cut(now))])?;
    tx.changed(school)
}

/// Revokes a machine and its certificates, and tells the engine. Again is the same.
pub fn revoke(
    tx: &mut Tx<'_>,
    machine: MachineId,
    by: &str,
    now: Timestamp,
    decider: &dyn Decide,
) -> Result<(), StoreError> {
    let now = cut(now);
    let (school, _) = school_of(tx.sql, machine)?;
    tx.sql.engine().lock_schools(&[school].into())?;
    let (school, status) = school_of(tx.sql, machine)?;
    if status == "revoked" {
        return Ok(());
    }
    tx.sql.execute("UPDATE machine SET status = 'revoked' WHERE id = ?1", params![machine.as_bytes()])?;
    const CERTIFICATES: &str = "UPDATE certificate SET revoked = ?2 WHERE machine = ?1 AND revoked IS NULL";
    tx.sql.execute(CERTIFICATES, params![machine.as_bytes(), ms(now)])?;
    findings::add(tx.sql, machine, now, by, &Note::new("revoked"), &ms(now).to_string(), None)?;
    decide::run(tx, school, &[Input::MachineChanged { machine, at: now }], now, decider)?;
    tx.recount.insert(school);
    tx.changed(school)
}
