//! The rules that conflicts follow on this device: those of the built-in forms, with the roles that the roster tells.

use std::collections::HashMap;

use fieldmerge_model::access::{Role, Roles, deciders};
use fieldmerge_model::cases::{Person, Rules};
use fieldmerge_model::typed;
use fieldmerge_model::types::{self, Field, Policy, RecordType};
use fieldmerge_protocol::{Actor, DeviceId, Path, Value};

/// The rules for records of one type.
pub(crate) struct FormRules<'a> {
    kind: Option<&'static RecordType>,
    roles: &'a HashMap<DeviceId, Roles>,
}

impl<'a> FormRules<'a> {
    pub(crate) fn new(record_type: &str, roles: &'a HashMap<DeviceId, Roles>) -> Self {
        Self { kind: types::record_type(record_type), roles }
    }

    fn field(&self, path: &Path) -> Option<(&'static RecordType, &'static Field)> {
        let kind = self.kind?;
        Some((kind, kind.field_at(path.as_str())?))
    }
}

impl Rules for FormRules<'_> {
    fn approvals(&self, path: &Path) -> Option<u8> {
        match self.kind?.policy(path.as_str())? {
            Policy::Human { approvals } => Some(approvals),
            _ => None,
        }
    }

    fn judge(&self, path: &Path, actor: Actor) -> Option<Person> {
        let (kind, field) = self.field(path)?;
        let may = deciders(kind, field).roles;
        let held = self.roles.get(&actor.device()).copied().unwrap_or(Roles::NONE);
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
