//! The roster as the device works with it, and as it is kept.

use fieldmerge_model::access::Roles;
use fieldmerge_protocol::sync::{self, Roster, RosterDevice, RosterMember, RosterStatement};

/// A roster with its devices, which stand in what the server signed where it signed something.
pub(crate) fn known(roster: Roster) -> Roster {
    let signed = roster.signed.as_ref();
    match signed.and_then(|signed| sync::decode::<RosterStatement>(&signed.statement).ok()) {
        Some(statement) => Roster { devices: statement.members.into_iter().map(device).collect(), ..roster },
        None => roster,
    }
}

/// A roster as it is kept: what the server signed is kept as it was signed, and nothing of it a second time.
pub(crate) fn kept(roster: &Roster) -> Roster {
    let devices = if roster.signed.is_some() { Vec::new() } else { roster.devices.clone() };
    Roster { devices, ..roster.clone() }
}

fn device(member: RosterMember) -> RosterDevice {
    let RosterMember { device, key, number, label, roles, .. } = member;
    let roles = Roles::from_bits(roles).iter().map(|role| role.name().to_owned()).collect();
    RosterDevice { device, number, label, key: key.to_vec(), roles }
}
