//! Where the database is and how it is reached: the address, the password and the certificate authority that people give.
//! No message and no `Debug` of this module holds the password.

use super::super::StoreError;
use super::tls::{self, Verified};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// The forms of an address that are understood.
const FORM: &str = "postgres://USER@HOST:PORT/DATABASE, with ?sslmode=disable, prefer, require or verify-full behind it if \
    wanted; special characters of a password must be written as %XX (better: --store-password-file)";

/// To reach the server, unless the address says `connect_timeout`.
const CONNECT: Duration = Duration::from_secs(5);
/// For an answer.
const PATIENCE: Duration = Duration::from_secs(70);

/// How a database is reached.
#[derive(Clone)]
pub struct Settings {
    pub(super) config: Config,
    pub(super) tls: Option<Verified>,
    /// To reach one address, and again to encrypt and sign in.
    pub(super) to_connect: Duration,
    /// For an answer, as the last resort: the server itself ends a statement after 60 s.
    pub(super) patience: Duration,
    place: String,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({}, TLS: {})", self.place, self.tls.is_some())
    }
}

impl Settings {
    /// From an address `postgres://…` or `postgresql://…`, a file whose first line is the password, and a file of
    /// certificates (PEM) that the server's certificate must come from. With that file the connection is always
    /// encrypted and the server's name verified; without it TLS would prove nothing, and `sslmode=require` is refused.
    pub fn new(url: &str, password_file: Option<&Path>, ca: Option<&Path>) -> Result<Self, StoreError> {
        let (url, mode) = split_mode(url)?;
        // What the parser says about a bad address may hold a piece of the password.
        let parsed = url.parse::<Config>();
        let mut config =
            parsed.map_err(|_| failed(format!("the address of the database is not understood: {FORM}")))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(failed(format!("the address of the database names no host: {FORM}")));
        }
        if let Some(file) = password_file {
            config.password(password(file)?);
        }
        config.application_name("vigie-collector");
        let place = place(&config);
        let tls = match (mode, ca) {
            (Mode::Disable, Some(_)) => {
                return Err(failed(format!(
                    "{place}: sslmode=disable and --store-ca contradict each other: leave one"
                )));
            }
            (_, Some(file)) => Some(tls::verified(file)?),
            (Mode::Require, None) => {
                return Err(failed(format!(
                    "{place}: sslmode=require needs --store-ca FILE, the certificates (PEM) that the server's must come from: \
                     without it TLS would not tell the server from an impostor"
                )));
            }
            (Mode::Disable | Mode::Prefer, None) => None,
        };
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        let to_connect = config.get_connect_timeout().copied().unwrap_or(CONNECT);
        let settings = Self { config, tls, to_connect, patience: PATIENCE, place };
        if settings.tls.is_none() && mode == Mode::Prefer && !settings.is_near() {
            tracing::warn!(
                database = settings.place,
                "the way to the database is not encrypted: give --store-ca FILE, or say sslmode=disable if it may be so"
            );
        }
        Ok(settings)
    }

    /// Host, port and database, for messages.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The user that signs in.
    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or("the user of this process")
    }

    /// The database's name.
    pub(super) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or(self.user())
    }

    /// Whether nothing leaves this machine.
    fn is_near(&self) -> bool {
        let near = |host: &Host| match host {
            Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
            #[cfg(unix)]
            Host::Unix(_) => true,
        };
        match self.config.get_hostaddrs() {
            [] => self.config.get_hosts().iter().all(near),
            addresses => addresses.iter().all(IpAddr::is_loopback),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Prefer,
    Require,
}

/// Takes `sslmode` out of an address: the parser of the library does not know all of its words.
fn split_mode(url: &str) -> Result<(String, Mode), StoreError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(failed(format!("the address of the database is not understood: {FORM}")));
    }
    let Some((before, options)) = url.rsplit_once('?') else { return Ok((url.to_owned(), Mode::Prefer)) };
    let (modes, others): (Vec<&str>, Vec<&str>) = options.split('&').partition(|option| option.starts_with("sslmode="));
    let mode = match modes.first().map(|option| option.trim_start_matches("sslmode=")) {
        None | Some("prefer") => Mode::Prefer,
        Some("disable") => Mode::Disable,
        // Whoever verifies, verifies the name too: one that only looks at the authority trusts every other server of it.
        Some("require" | "verify-ca" | "verify-full") => Mode::Require,
        Some(_) => {
            let why = "sslmode in the address of the database: disable, prefer, require or verify-full is wanted";
            return Err(failed(why.to_owned()));
        }
    };
    let mark = if others.is_empty() { "" } else { "?" };
    Ok((format!("{before}{mark}{}", others.join("&")), mode))
}

/// First line of a file.
fn password(file: &Path) -> Result<String, StoreError> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| failed(format!("the password file {} cannot be read: {e}", file.display())))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(failed(format!("the password file {} is empty: its first line is the password", file.display()))),
    }
}

fn place(config: &Config) -> String {
    let hosts: Vec<String> = match config.get_hosts() {
        [] => config.get_hostaddrs().iter().map(ToString::to_string).collect(),
        hosts => hosts.iter().map(host_name).collect(),
    };
    let port = |index: usize| config.get_ports().get(index).or(config.get_ports().first()).copied().unwrap_or(5432);
    let all: Vec<String> = hosts.iter().enumerate().map(|(index, host)| format!("{host}:{}", port(index))).collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{}/{database}", all.join(","))
}

fn host_name(host: &Host) -> String {
    match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]"),
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    }
}

pub(super) fn failed(why: String) -> StoreError {
    StoreError::Failed(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Result<Settings, StoreError> {
        Settings::new(url, None, None)
    }

    #[test]
    fn the_password_is_in_no_message() {
        let good = settings("postgres://vigie:hushhush@db.example:5433/school?sslmode=disable").unwrap();
        assert_eq!(good.place(), "postgres://db.example:5433/school");
        assert!(!format!("{good:?}").contains("hushhush"));
        for url in [
            "postgres://vigie:hush?hush@db.example/school",
            "postgres://vigie:hushhush@db.example:port/school",
            "postgres://vigie:hush%zzhush@db.example/school",
            "postgres://vigie:hushhush@/school",
            "postgres://vigie:hushhush@db.example/school?sslmode=require",
            "postgres://vigie:hushhush@db.example/school?sslmode=allow",
            "postgres://vigie:hushhush@db.example/school?shh=hushhush",
            "mysql://vigie:hushhush@db.example/school",
        ] {
            // Some of these are understood by the parser of the library all the same.
            let told = settings(url).map_or_else(|error| error.to_string(), |settings| format!("{settings:?}"));
            assert!(!told.contains("hush"), "{url}: {told}");
        }
    }

    #[test]
    fn tls_without_an_authority_is_refused_with_what_to_give() {
        for mode in ["require", "verify-ca", "verify-full"] {
            let error =
                settings(&format!("postgres://vigie@db.example/school?sslmode={mode}")).unwrap_err().to_string();
            assert!(error.contains("--store-ca"), "{error}");
        }
        assert!(settings("postgres://vigie@127.0.0.1/school?sslmode=prefer").unwrap().tls.is_none());
    }

    #[test]
    fn other_options_stay_and_the_password_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "from the file\nsecond line\n").unwrap();

        let url = "postgresql://vigie:from-the-url@localhost/school?connect_timeout=3&sslmode=disable&keepalives=0";
        let settings = Settings::new(url, Some(&file), None).unwrap();

        assert_eq!(settings.config.get_password(), Some(&b"from the file"[..]));
        assert_eq!(settings.config.get_connect_timeout(), Some(&std::time::Duration::from_secs(3)));
        assert_eq!(settings.place(), "postgres://localhost:5432/school");

        std::fs::write(&file, "\n").unwrap();
        let error = Settings::new(url, Some(&file), None).unwrap_err().to_string();
        assert!(error.contains("is empty"), "{error}");
    }
}
