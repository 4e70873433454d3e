//! Who may do what: roles, and what each may do with the records of each class.
//!
//! Two tables rule. The class table (domain.md 2.1) says which feeds a role's devices hold, because whoever
//! syncs a record gets all of it with its history; it is `MATRIX` below, seen through [`access`]. The field
//! table says which columns a role sees in the rows of a dataset ([`crate::types::Field::seen_by`]). Where
//! they differ the class table stands.

use std::fmt;
use std::str::FromStr;

use fieldmerge_protocol::{AreaId, RecordClass};
use serde::{Deserialize, Serialize};

use crate::types::{Field, Policy, RecordType};

/// What a person does in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Role {
    /// Registers workers and marks attendance (ENUM).
    Enumerator = 0,
    /// Runs a site: signs attendance, pays on site, settles disputes (SUP).
    Supervisor = 1,
    /// Pays, and approves pay rates (FIN).
    Payroll = 2,
    /// Protection focal point: minimum age, injury, migration, grievances (PROT).
    Protection = 3,
    /// Decides conflicts and duplicates about persons (DED).
    Adjudicator = 4,
    /// HQ analyst: rows without name, phone, identity number, exact birth date, village (HQ*).
    Analyst = 5,
    /// Runs the server and sees no personal value (ADMIN).
    Administrator = 6,
    /// Labour inspector: the register of a site, without phone and special categories.
    Inspector = 7,
    /// Labour attaché: nothing by class; a person who asks for contact is shown one by one.
    Attache = 8,
    /// A partner's application: public columns only, unless consent opens more.
    Partner = 9,
    /// Audits what was done: the analyst's columns of money, work and consent.
    Auditor = 10,
}

impl Role {
    /// Every role, in the order of the matrix.
    pub const ALL: [Self; 11] = [
        Self::Enumerator,
        Self::Supervisor,
        Self::Payroll,
        Self::Protection,
        Self::Adjudicator,
        Self::Analyst,
        Self::Administrator,
        Self::Inspector,
        Self::Attache,
        Self::Partner,
        Self::Auditor,
    ];

    /// The name in JSON, in rows and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enumerator => "enumerator",
            Self::Supervisor => "supervisor",
            Self::Payroll => "payroll",
            Self::Protection => "protection",
            Self::Adjudicator => "adjudicator",
            Self::Analyst => "analyst",
            Self::Administrator => "administrator",
            Self::Inspector => "inspector",
            Self::Attache => "attache",
            Self::Partner => "partner",
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role")]
pub struct RoleError;

impl FromStr for Role {
    type Err = RoleError;
    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(RoleError)
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u16);

impl Roles {
    /// No role.
    pub const NONE: Self = Self(0);
    /// Every role.
    pub const ALL: Self = Self((1 << 11) - 1);

    /// The set of one role.
    pub fn of(role: Role) -> Self {
        Self(1 << role as u8)
    }

    /// The set as the wire has it: a bit for each role, by the role's place in [`Role::ALL`].
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The set of these bits; one for a role that this build does not know counts for nothing.
    pub fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The roles of the set.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.contains(*role))
    }

    /// The roles of both sets.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the role is in the set.
    pub fn contains(self, role: Role) -> bool {
        self.0 & Self::of(role).0 != 0
    }

    /// Whether a role is in both sets.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<T: IntoIterator<Item = Role>>(roles: T) -> Self {
        roles.into_iter().fold(Self::NONE, |all, role| all.union(Self::of(role)))
    }
}

/// What a role may do with the records of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    None,
    /// `p`: learn that records exist and when, without values (consent, for an audit).
    Presence,
    /// `h`: the rows of a dataset, with the columns that the forms show to the role; never the feed.
    Rows,
    /// `c`: write, and not read back what others or itself wrote. A log's writer keeps its own log.
    Capture,
    /// `r`: hold the feed.
    Read,
    /// `w`: hold the feed and write.
    Write,
}

impl Access {
    fn from_mark(mark: u8) -> Self {
        match mark {
            b'p' => Self::Presence,
            b'h' => Self::Rows,
            b'c' => Self::Capture,
            b'r' => Self::Read,
            b'w' => Self::Write,
            _ => Self::None,
        }
    }

    /// Whether the feed goes to the devices of the role.
    pub fn reads(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }

    /// Whether changes of the role's devices are taken.
    pub fn writes(self) -> bool {
        matches!(self, Self::Capture | Self::Write)
    }

    /// Whether rows of a dataset may be listed.
    pub fn lists(self) -> bool {
        matches!(self, Self::Rows) || self.reads()
    }
}

/// The class table, a row a class and a mark a role, in the orders of [`RecordClass::ALL`] and [`Role::ALL`].
///
/// From domain.md 2.1, column "Read by", with the writers that its journeys ask for. Where the text leaves a
/// choice:
/// * A supervisor holds the worker core: a sheet is signed, and a dispute settled on site, by who sees the
///   names.
/// * Protection holds core and assignment because a case below the minimum age moves to an area where nobody
///   else has a grant; its grants are given for that area. It writes the core, for it alone decides on the age.
/// * Enumerators write attendance, childcare, training; supervisors also payments made on site; neither holds
///   the feed of payments.
/// * Enumerators report injuries and migrations to protection, supervisors injuries, and do not read them
///   back; grievances are taken by protection alone, under its pseudonymous actor.
/// * An attaché has nothing by class, because only people who asked for contact are shown.
const MATRIX: [(RecordClass, &[u8; 11]); 18] = [
    // ENUM SUP FIN PROT DED HQ ADMIN inspector attaché partner auditor
    (RecordClass::Reference, b"rrrrrwwrrrr"),
    (RecordClass::Core, b"wwrwwh-h---"),
    (RecordClass::Observation, b"c--h-h-----"),
    (RecordClass::Accommodation, b"wr---------"),
    (RecordClass::Household, b"w----h-----"),
    (RecordClass::Consent, b"w----hp---h"),
    (RecordClass::Assignment, b"wwwr-h-h--h"),
    (RecordClass::Identity, b"c-r-w------"),
    (RecordClass::Attendance, b"cwr--h-h--h"),
    (RecordClass::Childcare, b"cwr--h----h"),
    (RecordClass::Training, b"cwr--h----h"),
    (RecordClass::Payment, b"-cw--h-h--h"),
    (RecordClass::Incident, b"cc-w-h-----"),
    (RecordClass::Migration, b"c--w-h-----"),
    (RecordClass::Grievance, b"---w-h-----"),
    (RecordClass::Task, b"wwwwww-----"),
    (RecordClass::Firm, b"-rr--w-h-hh"),
    (RecordClass::Expenditure, b"-rw--w----h"),
];

/// What a role may do with the records of a class, in the areas of its grants.
pub fn access(role: Role, class: RecordClass) -> Access {
    let (_, marks) = MATRIX[usize::from(class.number())];
    Access::from_mark(marks[role as usize])
}

/// A role in an area. A grant for the root area of a project is one for every area of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// Where.
    pub area: AreaId,
    /// As what.
    pub role: Role,
}

/// Whether the records of a class stand in the root area of their project, whatever site they are about. The
/// log of payments may stand in either: it is one a project, or one a site.
fn in_root(class: RecordClass) -> bool {
    class == RecordClass::Payment || only_in_root(class)
}

/// Whether the records of a class stand nowhere else.
fn only_in_root(class: RecordClass) -> bool {
    use RecordClass::{Expenditure, Firm, Grievance, Reference};
    matches!(class, Reference | Grievance | Firm | Expenditure)
}

/// Where a new record of a class stands that is written in this area.
pub fn home(class: RecordClass, root: AreaId, area: AreaId) -> AreaId {
    if only_in_root(class) { root } else { area }
}

/// Whether one of the grants that reach this area allows it for the class.
fn any(grants: &[Grant], root: AreaId, area: AreaId, class: RecordClass, may: fn(Access) -> bool) -> bool {
    let reaches =
        |grant: &Grant| grant.area == area || grant.area == root || (area == root && in_root(class));
    grants.iter().any(|grant| reaches(grant) && may(access(grant.role, class)))
}

/// Whether the holder of these grants may hold the feed of a class in an area.
pub fn may_read(grants: &[Grant], root: AreaId, area: AreaId, class: RecordClass) -> bool {
    any(grants, root, area, class, Access::reads)
}

/// Whether changes of a record of this class in this area are taken from the holder of these grants. A grievance that
/// stood in the area of a site would name the site.
pub fn may_write(grants: &[Grant], root: AreaId, area: AreaId, class: RecordClass) -> bool {
    let names_site = class == RecordClass::Grievance && area != root;
    !names_site && any(grants, root, area, class, Access::writes)
}

/// Whether the holder of these grants may list rows of this class in this area; which columns,
/// [`crate::types::Field::seen_by`] says for each of the roles that may.
pub fn may_list(grants: &[Grant], root: AreaId, area: AreaId, class: RecordClass) -> bool {
    any(grants, root, area, class, Access::lists)
}

/// The feeds that the holder of these grants may hold: each of the project's `areas`, and the root, with each
/// class. Sorted, without duplicates.
pub fn readable(grants: &[Grant], root: AreaId, areas: &[AreaId]) -> Vec<(AreaId, RecordClass)> {
    let mut areas: Vec<AreaId> = areas.iter().copied().chain([root]).collect();
    areas.sort_unstable();
    areas.dedup();
    let feeds = areas.into_iter().flat_map(|area| RecordClass::ALL.map(|class| (area, class)));
    feeds.filter(|(area, class)| may_read(grants, root, *area, *class)).collect()
}

/// Who decides a conflict about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deciders {
    /// The roles whose decision or proposal counts.
    pub roles: Roles,
    /// The role that one of the persons must have, where the table asks for it: payroll, for pay.
    pub must_include: Option<Role>,
}

/// Who decides conflicts about this field (domain.md 4.2); nobody where the policy is not `human`.
///
/// What some roles alone may write they decide. Of the rest persons are decided by the adjudicator, and by the supervisor
/// on site; links between records of one person by the adjudicator alone; pay and contracts by payroll and supervisor;
/// reference by HQ; migration and grievances by protection.
pub fn deciders(of: &RecordType, field: &Field) -> Deciders {
    let roles = |roles: &[Role]| roles.iter().copied().collect::<Roles>();
    let Policy::Human { approvals } = field.policy else {
        return Deciders { roles: Roles::NONE, must_include: None };
    };
    let roles = match of.class {
        _ if field.writes != Roles::ALL => field.writes,
        RecordClass::Core if field.name == "same_as" => roles(&[Role::Adjudicator]),
        RecordClass::Core => roles(&[Role::Adjudicator, Role::Supervisor]),
        RecordClass::Identity => roles(&[Role::Adjudicator]),
        RecordClass::Assignment => roles(&[Role::Payroll, Role::Supervisor]),
        RecordClass::Reference => roles(&[Role::Analyst, Role::Administrator]),
        RecordClass::Firm | RecordClass::Expenditure => roles(&[Role::Analyst]),
        RecordClass::Migration | RecordClass::Grievance | RecordClass::Incident => roles(&[Role::Protection]),
        _ => Roles::NONE,
    };
    Deciders { roles, must_include: (approvals > 1).then_some(Role::Payroll) }
}

/// Whether this role may decide, or propose for a second person, conflicts about this field.
pub fn may_decide(role: Role, of: &RecordType, field: &Field) -> bool {
    deciders(of, field).roles.contains(role)
}

#[cfg(test)]
mod tests;
