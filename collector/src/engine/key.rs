//! What an incident is about.

use super::NetworkKind;
use std::fmt;
use std::str::FromStr;
use vigie_shared::id::{MachineId, SchoolId};

/// Where a cause sits. The text form (`school:…`) is what the store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One machine.
    Machine(MachineId),
    /// One of the networks of a school.
    Network(SchoolId, NetworkKind),
    /// A whole school: its way to the internet, its power.
    School(SchoolId),
    /// Schools of one basin on lines of one operator; the instance says which.
    Basin,
    /// The collector itself.
    Collector,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(id) => write!(f, "machine:{id}"),
            Self::Network(id, kind) => write!(f, "network:{id}:{}", kind.as_str()),
            Self::School(id) => write!(f, "school:{id}"),
            Self::Basin => f.write_str("basin"),
            Self::Collector => f.write_str("collector"),
        }
    }
}

/// A text that is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("« {0} » is not a scope: machine:ID, network:ID:KIND, school:ID, basin or collector is wanted")]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let wrong = || ScopeError(text.to_owned());
        match text.split_once(':') {
            Some(("machine", id)) => id.parse().map(Self::Machine).map_err(|_| wrong()),
            Some(("school", id)) => id.parse().map(Self::School).map_err(|_| wrong()),
            Some(("network", rest)) => {
                let (id, kind) = rest.split_once(':').ok_or_else(wrong)?;
                let school = id.parse().map_err(|_| wrong())?;
                NetworkKind::parse(kind).map(|kind| Self::Network(school, kind)).ok_or_else(wrong)
            }
            None if text == "basin" => Ok(Self::Basin),
            None if text == "collector" => Ok(Self::Collector),
            _ => Err(wrong()),
        }
    }
}

/// The key of an incident: unique while it is open, in the database itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentKey {
    /// Where.
    pub scope: Scope,
    /// Which check.
    pub check: String,
    /// On what: a volume, a backup set, a port, or empty.
    pub instance: String,
}

impl IncidentKey {
    /// A key.
    pub fn new(scope: Scope, check: impl Into<String>, instance: impl Into<String>) -> Self {
        Self { scope, check: check.into(), instance: instance.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back() {
        let school = SchoolId::new();
        for scope in [
            Scope::Machine(MachineId::new()),
            Scope::Network(school, NetworkKind::Administrative),
            Scope::School(school),
            Scope::Basin,
            Scope::Collector,
        ] {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert!(format!("network:{school}:wireless").parse::<Scope>().is_err());
        assert!("school:".parse::<Scope>().is_err());
        assert!("planet:x".parse::<Scope>().is_err());
    }
}
