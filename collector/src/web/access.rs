//! Who may do what: the one place that decides. Every route names its [`Need`]; the guard asks [`allows`].

use crate::store::Role;

/// What a route demands of its visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: style sheets, the health of the service, the language.
    Nothing,
    /// Nothing, but its form carries the token of the sign-in page ([`super::guard`]).
    SignIn,
    /// Somebody signed in, of any role.
    SignedIn,
    /// The same, for what programs read: refused with 401 rather than led to the sign-in page.
    SignedInProgram,
    /// A caller of this very host, or somebody signed in.
    Metrics,
    /// To let machines into the fleet.
    ApproveMachines,
    /// To write about machines: where they stand, their number, their state.
    DescribeMachines,
    /// To say when schools are closed.
    EditCalendars,
    /// The same, for programs.
    EditCalendarsProgram,
    /// To take calls, and to work on tickets.
    WorkOnTickets,
    /// To change which incidents become tickets.
    TicketPolicy,
    /// The same, for programs: refused with 401 rather than led to the sign-in page.
    TicketPolicyProgram,
    /// To change the rules for software.
    SoftwarePolicy,
    /// The same, for programs.
    SoftwarePolicyProgram,
    /// To plan maintenance.
    PlanMaintenance,
    /// To be told of defects of Vigie itself.
    SeeDefects,
}

impl Need {
    /// Whether programs come this way: nobody is led to the sign-in page, and what is sent is no form, so that the token
    /// against request forgery comes in a header.
    pub fn is_for_programs(self) -> bool {
        matches!(
            self,
            Self::SignedInProgram
                | Self::Metrics
                | Self::TicketPolicyProgram
                | Self::SoftwarePolicyProgram
                | Self::EditCalendarsProgram
        )
    }
}

/// Whether somebody of this role may use a route with this need.
pub fn allows(role: Role, need: Need) -> bool {
    match need {
        Need::Nothing | Need::SignIn | Need::SignedIn | Need::SignedInProgram | Need::Metrics => true,
        Need::WorkOnTickets | Need::DescribeMachines => matches!(role, Role::Supervisor | Role::Technician),
        Need::ApproveMachines
        | Need::EditCalendars
        | Need::EditCalendarsProgram
        | Need::TicketPolicy
        | Need::TicketPolicyProgram
        | Need::SoftwarePolicy
        | Need::SoftwarePolicyProgram
        | Need::PlanMaintenance
        | Need::SeeDefects => role == Role::Supervisor,
    }
}
