//! Who this machine is for the collector: address, certificate, key, authority, and the hardware it was given to.

pub mod enrolment;
#[cfg(test)]
#[path = "tests.rs"]
mod enrolment_tests;
pub mod key;

use crate::settings::{StateFolder, read_json, write_atomically};
use crate::sync::address::CollectorAddress;
use serde::{Deserialize, Serialize};
use std::io;
use vigie_shared::enrol::RenewAnswer;
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::MachineId;
use vigie_shared::limits::CERTIFICATE_RENEW_FROM_DAY;
use vigie_shared::uai::Uai;

/// Kept in `identity.json`, readable by its owner alone. `Debug` never shows the key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Where the collector is.
    pub collector: CollectorAddress,
    /// Who this machine is.
    pub machine: MachineId,
    /// The school of the token it was enrolled with.
    pub school: Uai,
    /// Own certificate, PEM.
    pub certificate: String,
    /// Own key, PKCS #8 PEM (ECDSA P-256), made on this machine.
    pub key: String,
    /// The authority's certificate, PEM: the only thing trusted.
    pub authority: String,
    /// First instant of the certificate, milliseconds since 1970.
    pub not_before_ms: i64,
    /// Last instant of the certificate, milliseconds since 1970.
    pub not_after_ms: i64,
    /// The hardware at enrolment: an image put on another machine is recognised by it.
    pub hardware: HardwareEvidence,
    /// Whether a person had yet to approve this machine when it was enrolled.
    #[serde(default)]
    pub quarantined: bool,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("collector", &self.collector)
            .field("machine", &self.machine)
            .field("school", &self.school)
            .finish_non_exhaustive()
    }
}

/// Why there is no usable identity. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is none.
    #[error(
        "this machine is not enrolled (no {0}); run « vigie-agent enrol --collector https://… --token-file FILE ». \
         If it was enrolled before, its state is wiped (a frozen PC?): keep that folder across restarts"
    )]
    Missing(String),
    /// There is one that cannot be read.
    #[error("the identity {path} cannot be read ({why}); run as the agent's user, or enrol again with --again")]
    Unreadable {
        /// Its path.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// It was given to other hardware.
    #[error(
        "this identity was given to another machine (nothing of its hardware is here): this is a copied disk or image; \
         enrol this machine on its own with « vigie-agent enrol --again … » and leave {0} out of images"
    )]
    OtherHardware(String),
}

impl Identity {
    /// Reads the identity of this machine.
    pub fn load(state: &StateFolder) -> Result<Self, IdentityError> {
        let path = state.identity();
        read_json(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => IdentityError::Missing(path.display().to_string()),
            _ => IdentityError::Unreadable { path: path.display().to_string(), why: error.to_string() },
        })
    }

    /// Writes it, whole or not at all.
    pub fn save(&self, state: &StateFolder) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        write_atomically(&state.identity(), &bytes)
    }

    /// Whether it may be used on this hardware.
    pub fn check_hardware(&self, here: &HardwareEvidence, state: &StateFolder) -> Result<(), IdentityError> {
        if self.hardware.contradicts(here) {
            return Err(IdentityError::OtherHardware(state.identity().display().to_string()));
        }
        Ok(())
    }

    /// Whether it is time to ask for the next certificate.
    pub fn renewal_due(&self, now_ms: i64) -> bool {
        now_ms >= self.not_before_ms.saturating_add(CERTIFICATE_RENEW_FROM_DAY * 86_400_000)
    }

    /// The same machine with its next certificate.
    pub fn renewed(&self, key: String, answer: RenewAnswer) -> Self {
        Self {
            certificate: answer.certificate,
            key,
            not_before_ms: answer.not_before_ms,
            not_after_ms: answer.not_after_ms,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(serial: &str) -> Identity {
        Identity {
            collector: "https://collector.test:8443".parse().unwrap(),
            machine: MachineId::new(),
            school: "0959901W".parse().unwrap(),
            certificate: "C".into(),
            key: "very secret".into(),
            authority: "A".into(),
            not_before_ms: 0,
            not_after_ms: 400 * 86_400_000,
            hardware: HardwareEvidence { board_serial: Some(serial.into()), ..Default::default() },
            quarantined: true,
        }
    }

    #[test]
    fn it_reads_back_and_hides_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path());
        let identity = identity("PF1A2B3C");
        identity.save(&state).unwrap();
        assert_eq!(Identity::load(&state).unwrap(), identity);
        assert!(!format!("{identity:?}").contains("secret"));
    }

    #[test]
    fn without_identity_people_are_told_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path());
        assert!(Identity::load(&state).unwrap_err().to_string().contains("vigie-agent enrol"));
        write_atomically(&state.identity(), b"{\"coll").unwrap();
        assert!(Identity::load(&state).unwrap_err().to_string().contains("--again"));
    }

    #[test]
    fn a_copied_disk_is_refused_and_a_silent_machine_is_not() {
        let state = StateFolder::new("/nowhere");
        let identity = identity("PF1A2B3C");
        let here =
            |serial: Option<&str>| HardwareEvidence { board_serial: serial.map(Into::into), ..Default::default() };
        assert!(identity.check_hardware(&here(Some("PF9Z8Y7X")), &state).is_err());
        assert!(identity.check_hardware(&here(Some("PF1A2B3C")), &state).is_ok());
        assert!(identity.check_hardware(&here(None), &state).is_ok());
    }

    #[test]
    fn renewal_is_due_from_day_200() {
        let identity = identity("PF1A2B3C");
        assert!(!identity.renewal_due(199 * 86_400_000));
        assert!(identity.renewal_due(200 * 86_400_000));
    }
}
