//! The body of a stored run of entries: a CBOR array of byte strings, each an entry as its author wrote it.

use minicbor::bytes::ByteVec;

/// Packs the entries of one change.
pub fn pack<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let entries: Vec<ByteVec> = entries.map(|entry| entry.to_vec().into()).collect();
    minicbor::to_vec(entries).expect("writing to a Vec cannot fail")
}

/// The entries of a run; nothing where the bytes are not a run.
pub fn unpack(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let entries: Vec<ByteVec> = minicbor::decode(body).ok()?;
    Some(entries.into_iter().map(Into::into).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_as_it_was_packed() {
        let entries: [&[u8]; 3] = [b"", b"one", &[0xff; 300]];
        assert_eq!(
            unpack(&pack(entries.into_iter())).expect("it was packed here"),
            entries.map(<[u8]>::to_vec)
        );
        assert_eq!(unpack(b"\xff\xff"), None);
    }
}
