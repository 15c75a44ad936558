//! What an incident is about.

use std::fmt;
use std::str::FromStr;
use vigie_shared::id::{MachineId, SchoolId};

/// Where a cause sits. The text form (`school:…`) is what the store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One machine.
    Machine(MachineId),
    /// A whole school: its way to the internet, its power.
    School(SchoolId),
    /// The collector itself.
    Collector,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(id) => write!(f, "machine:{id}"),
            Self::School(id) => write!(f, "school:{id}"),
            Self::Collector => f.write_str("collector"),
        }
    }
}

/// A text that is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("« {0} » is not a scope: machine:ID, school:ID or collector is wanted")]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let wrong = || ScopeError(text.to_owned());
        match text.split_once(':') {
            Some(("machine", id)) => id.parse().map(Self::Machine).map_err(|_| wrong()),
            Some(("school", id)) => id.parse().map(Self::School).map_err(|_| wrong()),
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
        for scope in [Scope::Machine(MachineId::new()), Scope::School(SchoolId::new()), Scope::Collector] {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert!("school:".parse::<Scope>().is_err());
        assert!("planet:x".parse::<Scope>().is_err());
    }
}
