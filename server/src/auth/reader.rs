//! Who reads rows and cases, and what that reader may see.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use fieldmerge_model::access::{Grant, Role, may_list};
use fieldmerge_model::types::Field;
use fieldmerge_protocol::{AreaId, RecordClass};
use fieldmerge_store::projects::Project;

use super::api_key::{self, KEY_PREFIX};
use super::{bearer, device, project_of};
use crate::http::ApiError;
use crate::state::App;

/// A device or a key of headquarters, with the roles that it reads by.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The project.
    pub project: Project,
    /// Its roles and where they hold.
    pub grants: Vec<Grant>,
    /// Whether it is headquarters, which reads the whole project.
    pub is_headquarters: bool,
}

impl FromRequestParts<App> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let project = project_of(parts, app).await?;
        let token = bearer(parts)?;
        if token.starts_with(KEY_PREFIX) {
            let (project, role) = api_key::authenticate(app, project, token).await?;
            return Ok(Self::of_headquarters(project, role));
        }
        let authed = device::authenticate(app, project, token).await?;
        let grants = authed.directory.grants_of(authed.device).to_vec();
        Ok(Self { project: authed.directory.project.clone(), grants, is_headquarters: false })
    }
}

impl Reader {
    /// A reader of the whole project.
    pub fn of_headquarters(project: Project, role: Role) -> Self {
        let grants = vec![Grant { area: project.root_area, role }];
        Self { project, grants, is_headquarters: true }
    }

    /// The role of a key of headquarters; none for a device.
    pub fn headquarters_role(&self) -> Option<Role> {
        self.grants.first().filter(|_| self.is_headquarters).map(|grant| grant.role)
    }

    /// Whether the reader may list rows of this class in this area.
    pub fn may_list(&self, area: AreaId, class: RecordClass) -> bool {
        may_list(&self.grants, self.project.root_area, area, class)
    }

    /// Whether a role that lets the reader list such rows also sees the field.
    pub fn sees(&self, area: AreaId, class: RecordClass, field: &Field) -> bool {
        self.grants.iter().any(|grant| {
            field.seen_by(grant.role) && may_list(&[*grant], self.project.root_area, area, class)
        })
    }

    /// Whether the reader knows persons only by a pseudonym: none of its roles meets them.
    pub fn knows_pseudonyms_only(&self) -> bool {
        !self.grants.iter().any(|grant| meets_persons(grant.role))
    }
}

/// Whether a role meets the persons whom it reads about; all others know them by a pseudonym (domain.md 2.2).
pub fn meets_persons(role: Role) -> bool {
    matches!(role, Role::Enumerator | Role::Supervisor | Role::Payroll | Role::Protection | Role::Adjudicator)
}
