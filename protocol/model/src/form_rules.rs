//! The rules that conflicts follow: those of the form, with the roles that the project gives.

use fieldmerge_protocol::{Actor, DeviceId, Path, Value};

use crate::access::{Role, Roles, deciders};
use crate::cases::{Person, Rules};
use crate::typed;
use crate::types::{Field, Policy, RecordType};

/// The rules for records of one type. The same on a phone, where the roster tells the roles, and on the server.
#[derive(Debug)]
pub struct FormRules<'t, F> {
    kind: Option<&'t RecordType>,
    roles_of: F,
}

impl<'t, F: Fn(DeviceId) -> Roles> FormRules<'t, F> {
    /// The rules for this type, none if no form writes it; `roles_of` tells the roles that the people of a device hold.
    pub fn new(kind: Option<&'t RecordType>, roles_of: F) -> Self {
        Self { kind, roles_of }
    }

    fn field(&self, path: &Path) -> Option<(&'t RecordType, &'t Field)> {
        let kind = self.kind?;
        Some((kind, kind.field_at(path.as_str())?))
    }
}

impl<F: Fn(DeviceId) -> Roles> Rules for FormRules<'_, F> {
    fn approvals(&self, path: &Path) -> Option<u8> {
        match self.kind?.policy(path.as_str())? {
            Policy::Human { approvals } => Some(approvals),
            _ => None,
        }
    }

    fn judge(&self, path: &Path, actor: Actor) -> Option<Person> {
        let (kind, field) = self.field(path)?;
        let may = deciders(kind, field).roles;
        let held = (self.roles_of)(actor.device());
        let permitted = Role::ALL.into_iter().any(|role| may.contains(role) && held.contains(role));
        permitted.then(|| Person::on_device(actor))
    }

    fn same(&self, path: &Path, one: &Value, other: &Value) -> bool {
        match self.field(path) {
            Some((_, field)) => typed::same(field, one, other),
            None => typed::same_untyped(one, other),
        }
    }
}
