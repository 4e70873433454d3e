//! Reads the body of a sync: `Hello`, frames, `End`.

use fieldmerge_protocol::bundle::{BundleError, PartReader};
use fieldmerge_protocol::limits::{
    MAX_CURSORS, MAX_DICTIONARIES, MAX_PART_BYTES, MAX_REQUEST_FRAMES, MAX_UNSETTLED,
};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::sync::{self, Hello, tag};

/// A whole request, its frames not yet looked into.
#[derive(Debug)]
pub struct Request {
    /// The hello's bytes, which the answer's signature covers.
    pub hello_bytes: Vec<u8>,
    /// What the device says.
    pub hello: Hello,
    /// The payloads of its frame parts.
    pub frames: Vec<Vec<u8>>,
}

/// Why a body is not a sync request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The bundle does not parse.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The parts are not those of a request, in their order.
    #[error("{0}")]
    Parts(&'static str),
}

impl RequestError {
    /// The code that the device is told.
    pub fn code(&self) -> ProblemCode {
        match self {
            Self::Bundle(BundleError::UnknownVersion { .. }) => ProblemCode::UnsupportedVersion,
            _ => ProblemCode::MalformedBundle,
        }
    }
}

impl Request {
    /// Reads a request from a whole body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut reader = PartReader::new(MAX_PART_BYTES);
        reader.feed(body);
        let first = reader.next_part()?.filter(|part| part.tag == tag::HELLO);
        let hello_bytes =
            first.ok_or(RequestError::Parts("the request does not begin with a hello"))?.payload;
        let hello: Hello =
            sync::decode(&hello_bytes).map_err(|_| RequestError::Parts("the hello does not parse"))?;
        if hello.cursors.len() > MAX_CURSORS
            || hello.unsettled.as_ref().is_some_and(|frames| frames.len() > MAX_UNSETTLED)
            || hello.dictionaries.as_ref().is_some_and(|held| held.len() > MAX_DICTIONARIES)
        {
            return Err(RequestError::Parts("the hello names too many feeds, frames or dictionaries"));
        }
        let mut frames = Vec::new();
        while let Some(part) = reader.next_part()? {
            match part.tag {
                tag::FRAME if frames.len() == MAX_REQUEST_FRAMES => {
                    return Err(RequestError::Parts("the request holds too many frames"));
                }
                tag::FRAME => frames.push(part.payload),
                tag::END => return Ok(Self { hello_bytes, hello, frames }),
                _ => {}
            }
        }
        Err(RequestError::Parts("the request has no end; it was cut"))
    }
}

#[cfg(test)]
mod tests {
    use fieldmerge_protocol::Incarnation;
    use fieldmerge_protocol::bundle::BundleWriter;

    use super::*;

    fn hello() -> Vec<u8> {
        sync::encode(&Hello {
            incarnation: Incarnation([1; 4]),
            packed: 0,
            receipted: 0,
            log: None,
            cursors: Vec::new(),
            roster: 0,
            now_ms: 0,
            budget_bytes: None,
            recover: None,
            unsettled: None,
            telemetry: None,
            dictionaries: None,
        })
    }

    #[test]
    fn every_cut_of_a_request_is_an_error() {
        let mut writer = BundleWriter::new();
        writer.part(tag::HELLO, &hello()).part(99, b"later").part(tag::FRAME, b"frame").part(tag::END, b"");
        let whole = writer.into_bytes();
        let request = Request::parse(&whole).expect("a whole request parses");
        assert_eq!(request.frames, [b"frame".to_vec()]);
        for end in 0..whole.len() {
            assert!(Request::parse(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_later_version_is_refused_politely() {
        let mut bytes = BundleWriter::new().into_bytes();
        bytes[3] = 9;
        assert_eq!(
            Request::parse(&bytes).map_err(|error| error.code()).err(),
            Some(ProblemCode::UnsupportedVersion)
        );
    }
}
