//! What an administrator does: projects, areas, people, enrolment codes, devices, grants, keys.
//!
//! The command line and the demo call these; each is one transaction.

pub mod api_keys;
pub mod attachments;
pub mod bundles;
pub mod codes;
pub mod devices;
pub mod projects;
pub mod quarantine;

use std::fmt::Display;

use fieldmerge_model::access::Role;
use fieldmerge_protocol::AreaId;
use fieldmerge_store::projects::{Area, Project};
use fieldmerge_store::{StoreError, Tx};

use crate::keys::KeyError;

/// Why something could not be administered. The texts name what the administrator typed and nobody else.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no such thing.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// By which name.
        name: String,
    },
    /// It exists already.
    #[error("the {what} `{name}` exists already")]
    Exists {
        /// What was to be made.
        what: &'static str,
        /// By which name.
        name: String,
    },
    /// A value that does not do.
    #[error("{0}")]
    Invalid(String),
    /// The store failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// A key of the server cannot be used.
    #[error("a key of the server cannot be used")]
    Key(#[from] KeyError),
}

impl AdminError {
    fn not_found(what: &'static str, name: impl Display) -> Self {
        Self::NotFound { what, name: format!("{name}") }
    }

    /// The same for a store that says that a row exists.
    fn or_exists(error: StoreError, what: &'static str, name: &str) -> Self {
        match error {
            StoreError::Duplicate => Self::Exists { what, name: name.to_owned() },
            error => Self::Store(error),
        }
    }
}

/// The code of the area that stands for a whole project.
pub const ROOT_CODE: &str = "all";

/// A role in an area, as an administrator writes it: `AREA:ROLE`, where the area `all` is the whole project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantText {
    /// The code of the area.
    pub area: String,
    /// The role.
    pub role: Role,
}

impl std::str::FromStr for GrantText {
    type Err = AdminError;

    fn from_str(text: &str) -> Result<Self, AdminError> {
        let (area, role) = text.split_once(':').ok_or_else(|| {
            AdminError::Invalid(format!("`{text}` is not AREA:ROLE, such as S1:enumerator or all:analyst"))
        })?;
        Ok(Self { area: area.to_owned(), role: role_of(role)? })
    }
}

/// The role of this name.
pub fn role_of(name: &str) -> Result<Role, AdminError> {
    name.parse().map_err(|_| {
        let names = Role::ALL.map(Role::name).join(", ");
        AdminError::Invalid(format!("`{name}` is not a role; the roles are {names}"))
    })
}

/// The project of a code or id.
pub async fn project(tx: &mut Tx, name: &str) -> Result<Project, AdminError> {
    use fieldmerge_store::projects::{find, find_by_code};
    let by_code = find_by_code(tx, name).await?;
    let found = match (by_code, name.parse()) {
        (None, Ok(id)) => find(tx, id).await?,
        (found, _) => found,
    };
    found.ok_or_else(|| AdminError::not_found("project", name))
}

/// The area of a code.
pub async fn area(tx: &mut Tx, project: &Project, code: &str) -> Result<Area, AdminError> {
    let found = fieldmerge_store::projects::find_area_by_code(tx, project.id, code).await?;
    found.ok_or_else(|| AdminError::not_found("area", code))
}

/// The code of an area in a list.
pub fn code_of(areas: &[Area], id: AreaId) -> String {
    areas.iter().find(|area| area.id == id).map_or_else(|| id.to_string(), |area| area.code.clone())
}

/// Codes stand in addresses, file names and on the command line, so they are short and plain.
fn check_code(what: &str, code: &str) -> Result<(), AdminError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if code.is_empty() || code.len() > 32 || !code.bytes().all(plain) {
        return Err(AdminError::Invalid(format!(
            "the code of {what} has 1 to 32 letters, digits, `-` or `_`"
        )));
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<(), AdminError> {
    if name.trim().is_empty() || name.chars().count() > 120 || name.chars().any(char::is_control) {
        return Err(AdminError::Invalid(format!("the name of {what} has 1 to 120 characters")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_an_area_and_a_role() {
        let grant: GrantText = "S1:enumerator".parse().expect("a grant");
        assert_eq!(grant, GrantText { area: "S1".to_owned(), role: Role::Enumerator });
        for wrong in ["S1", "S1:queen", ""] {
            assert!(wrong.parse::<GrantText>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn codes_are_plain() {
        assert!(check_code("a project", "HIMO-MG-DEMO-01").is_ok());
        for wrong in ["", "a b", "é", "../x", &"x".repeat(33)] {
            assert!(check_code("a project", wrong).is_err(), "{wrong}");
        }
    }
}
