//! What the signed rosters at hand say of devices.

use ed25519_dalek::VerifyingKey;
use fieldmerge_model::access::{self, Grant, Roles};
use fieldmerge_protocol::bundle::Origin;
use fieldmerge_protocol::sync::{RosterMember, RosterStatement};
use fieldmerge_protocol::{AreaId, DeviceId};

/// Statements of the server that are good now, the newest first.
#[derive(Debug)]
pub(crate) struct Rights {
    root: AreaId,
    statements: Vec<RosterStatement>,
    /// Every statement at hand is out of date.
    pub(crate) expired: bool,
}

impl Rights {
    /// Keeps the statements that are good at `server_ms`, the server's clock as the device believes it. A clock that
    /// stands before the issue of a statement is wrong: it is at least as late as the latest of them.
    pub(crate) fn new(root: AreaId, mut statements: Vec<RosterStatement>, server_ms: i64) -> Self {
        let issued = statements.iter().map(|statement| statement.issued_ms);
        let now_ms = issued.chain([server_ms]).max().unwrap_or(server_ms);
        let known = !statements.is_empty();
        statements.retain(|statement| statement.expires_ms > now_ms);
        statements.sort_by_key(|statement| std::cmp::Reverse((statement.version, statement.issued_ms)));
        Self { root, expired: known && statements.is_empty(), statements }
    }

    /// What the newest statement about this area says of a device, with its grants there.
    fn member(&self, device: DeviceId, area: AreaId) -> Option<(&RosterMember, Vec<Grant>)> {
        self.statements.iter().filter(|statement| statement.areas.contains(&area)).find_map(|statement| {
            let member = statement.members.iter().find(|member| member.device == device)?;
            Some((member, grants(statement, member)))
        })
    }

    /// Whether a device may read such frames.
    pub(crate) fn may_read(&self, device: DeviceId, origin: &Origin) -> bool {
        self.member(device, origin.area)
            .is_some_and(|(_, grants)| access::may_read(&grants, self.root, origin.area, origin.class))
    }

    /// The key of the frame's author, if it may write such records there.
    pub(crate) fn writer(&self, origin: &Origin) -> Option<VerifyingKey> {
        let (member, grants) = self.member(origin.device, origin.area)?;
        let may = access::may_write(&grants, self.root, origin.area, origin.class);
        VerifyingKey::from_bytes(&member.key).ok().filter(|_| may)
    }

    /// The key of a device that may do anything at all.
    pub(crate) fn receiver(&self, device: DeviceId) -> Option<VerifyingKey> {
        let (member, grants) = self.member(device, self.root)?;
        VerifyingKey::from_bytes(&member.key).ok().filter(|_| !grants.is_empty())
    }
}

fn grants(statement: &RosterStatement, member: &RosterMember) -> Vec<Grant> {
    let held = member.grants.iter().filter_map(|held| {
        let area = statement.areas.get(usize::try_from(held.area).ok()?)?;
        Some(Roles::from_bits(held.roles).iter().map(|role| Grant { area: *area, role }))
    });
    held.flatten().collect()
}
