//! How ids stand in messages: as byte strings.

use minicbor::{Decode, Encode};

use super::Feed;
use crate::{AreaId, DeviceId, Incarnation, LifeId, LogId, ProjectId, RecordClass, RecordId};

macro_rules! cbor_bytes {
    ($($name:ident),+) => {$(
        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                Self::try_from(d.bytes()?).map_err(|_| minicbor::decode::Error::message("wrong length"))
            }
        }
    )+};
}

cbor_bytes!(ProjectId, AreaId, LogId, LifeId, DeviceId, Incarnation, RecordId);

impl<C> Encode<C> for Feed {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        let mut bytes = [0; 17];
        bytes[..16].copy_from_slice(&self.area.0);
        bytes[16] = self.class.number();
        e.bytes(&bytes)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Feed {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let wrong = || minicbor::decode::Error::message("not a feed");
        let (&class, area) = d.bytes()?.split_last().ok_or_else(wrong)?;
        let area = AreaId::try_from(area).map_err(|_| wrong())?;
        Ok(Self { area, class: RecordClass::from_number(class).ok_or_else(wrong)? })
    }
}
