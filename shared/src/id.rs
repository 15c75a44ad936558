//! Identifiers. All are UUIDs; on the wire and in logs they are 32 hexadecimal digits without hyphens (bytes count).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(with = "uuid::serde::simple")] pub Uuid);

        impl $name {
            /// A new time-ordered identifier (UUIDv7).
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The 16 bytes, as stored.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From the 16 stored bytes.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, uuid::Error> {
                Uuid::from_slice(bytes).map(Self)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.as_simple().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// One school in the store. The public number of a school is its [`crate::uai::Uai`].
    SchoolId
);
id!(
    /// One machine (hardware with an agent), given at enrolment, carried by its certificate as the common name.
    MachineId
);
id!(
    /// One boot of a kernel: `/proc/sys/kernel/random/boot_id` on Linux.
    BootId
);
id!(
    /// One log of events: new at every start of the agent process. UUIDv7, so older streams sort first.
    StreamId
);
id!(
    /// One internet access of a school.
    LineId
);
id!(
    /// One incident: one cause on one scope.
    IncidentId
);
id!(
    /// One ticket: the human side of incidents.
    TicketId
);
id!(
    /// One planned maintenance.
    MaintenanceId
);
id!(
    /// One start of a collector process.
    ReplicaId
);
id!(
    /// One message that is to be told to people.
    MessageId
);
id!(
    /// One call that the collector failed on and kept.
    RefusedId
);
id!(
    /// One exceptional closure in the calendars of schools.
    ClosureId
);
id!(
    /// One user of the pages.
    UserId
);
