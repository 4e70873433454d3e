//! `GET /v1/projects/{project}/dataset`: the merged records as rows of a file.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use fieldmerge_protocol::api::{AS_OF_HEADER, AsOf};
use fieldmerge_protocol::problem::{Problem, ProblemCode};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use utoipa::IntoParams;

use super::extract::QueryHelp;
use super::{ApiError, Query};
use crate::auth::Reader;
use crate::dataset::{Dataset, DatasetError, DatasetRequest, Format};
use crate::state::App;

/// How long a reader may take for one piece. A reader that stands still would hold a snapshot of the database open.
const PIECE_TIMEOUT: Duration = Duration::from_mins(1);

/// Which rows.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DatasetQuery {
    /// The record type: `worker`, `observation`, `assignment`, `attendance`, `payment`, …
    #[serde(rename = "type")]
    record_type: String,
    /// `csv` or `jsonl`.
    #[serde(default)]
    format: Format,
}

impl QueryHelp for DatasetQuery {
    const HELP: &'static str = "the parameters are type (a record type such as worker, observation, assignment, \
                                attendance or payment) and format (csv or jsonl)";
}

/// All records of a type as rows, read at one moment.
///
/// The columns are those that the role of the key may see; conflicts and what is still expected are marked.
#[utoipa::path(
    get, path = "/v1/projects/{project}/dataset", operation_id = "dataset", tag = "headquarters",
    params(("project" = String, Path, description = "The project's id"), DatasetQuery),
    responses(
        (status = 200, description = "The rows", content((String = "text/csv"), (String = "application/jsonl")),
            headers(("Fieldmerge-As-Of" = String, description = "The point of the log that the rows stand for: the \
                JSON of `AsOf`"))),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: the role lists no such rows", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: not the project of the key", body = Problem,
            content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`", body = Problem,
            content_type = "application/problem+json"),
    ),
    security(("key" = [])),
)]
pub async fn read(
    State(app): State<App>,
    reader: Reader,
    Query(query): Query<DatasetQuery>,
) -> Result<Response, ApiError> {
    let Some(role) = reader.headquarters_role() else {
        return Err(ApiError::new(ProblemCode::Forbidden).detail("datasets are for the keys of headquarters"));
    };
    let DatasetQuery { record_type, format } = query;
    let permit = app.reserve_dataset()?;
    let name = format!("{}.{}", record_type, format.extension());
    let request = DatasetRequest { project: reader.project, record_type, format, role };
    let dataset = Dataset::open(app.store(), request, app.now_ms()).await?;
    let headers = headers(&dataset.as_of, format, &name)?;
    Ok((headers, stream_of(dataset, permit)).into_response())
}

fn headers(as_of: &AsOf, format: Format, name: &str) -> Result<[(HeaderName, HeaderValue); 3], ApiError> {
    let as_of = serde_json::to_string(as_of).map_err(ApiError::internal)?;
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok([
        (CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (CONTENT_DISPOSITION, HeaderValue::from_str(&disposition).map_err(ApiError::internal)?),
        (HeaderName::from_static(AS_OF_HEADER), HeaderValue::from_str(&as_of).map_err(ApiError::internal)?),
    ])
}

/// Reads ahead of the reader by one piece, and no further.
fn stream_of(mut dataset: Dataset, permit: OwnedSemaphorePermit) -> Body {
    let (sender, receiver) = mpsc::channel::<Result<Option<Bytes>, DatasetError>>(1);
    tokio::spawn(async move {
        let _permit = permit;
        while let Some(piece) = dataset.next_chunk().await.transpose() {
            let failed = piece.is_err();
            if let Err(error) = &piece {
                ApiError::internal(error.to_string()).log();
            }
            let sent = tokio::time::timeout(PIECE_TIMEOUT, sender.send(piece.map(Some))).await;
            if failed || !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
        // Whether the reader still listens does not matter any more.
        let _ = sender.send(Ok(None)).await;
    });
    // A body that does not end by its last piece ends by an error, so that nobody takes a part for the whole.
    Body::from_stream(stream::unfold(receiver, |mut receiver| async {
        let piece = receiver.recv().await.unwrap_or(Err(DatasetError::Abandoned)).transpose()?;
        Some((piece, receiver))
    }))
}

impl From<DatasetError> for ApiError {
    fn from(error: DatasetError) -> Self {
        match error {
            DatasetError::UnknownType(_) => Self::new(ProblemCode::InvalidRequest).detail(DatasetQuery::HELP),
            DatasetError::Forbidden(_) => {
                Self::new(ProblemCode::Forbidden).detail("the role lists no such rows")
            }
            DatasetError::Store(error) => error.into(),
            DatasetError::Key(error) => error.into(),
            DatasetError::Abandoned => Self::internal(error),
        }
    }
}
