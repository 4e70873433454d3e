//! The row of the enrolment.

use fieldmerge_protocol::{AreaId, DeviceId, ProjectId};
use minicbor::{Decode, Encode};

use crate::Enrolment;

/// What a device keeps of its enrolment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct EnrolmentRow {
    #[n(0)]
    project: ProjectId,
    #[n(1)]
    project_code: String,
    #[n(2)]
    device: DeviceId,
    #[n(3)]
    number: u32,
    #[n(4)]
    label: String,
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    server_key: [u8; 32],
    #[n(9)]
    #[cbor(with = "minicbor::bytes")]
    sealing_key: Option<[u8; 32]>,
    #[n(6)]
    root_area: AreaId,
    #[n(7)]
    address: String,
    #[n(8)]
    server_ms: i64,
}

impl From<&Enrolment> for EnrolmentRow {
    fn from(enrolment: &Enrolment) -> Self {
        let Enrolment {
            project,
            project_code,
            device,
            number,
            label,
            server_key,
            sealing_key,
            root_area,
            address,
            server_ms,
        } = enrolment.clone();
        Self {
            project,
            project_code,
            device,
            number,
            label,
            server_key,
            sealing_key,
            root_area,
            address,
            server_ms,
        }
    }
}

impl From<EnrolmentRow> for Enrolment {
    fn from(row: EnrolmentRow) -> Self {
        let EnrolmentRow {
            project,
            project_code,
            device,
            number,
            label,
            server_key,
            sealing_key,
            root_area,
            address,
            server_ms,
        } = row;
        Self {
            project,
            project_code,
            device,
            number,
            label,
            server_key,
            sealing_key,
            root_area,
            address,
            server_ms,
        }
    }
}
