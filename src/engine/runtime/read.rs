//! The runtimes with one name, whoever created them: at most one on AWS, but some emulators allow
//! several.

use crate::{
    effects::aws::{AwsError, Session, runtime::Runtimes, runtime_read::Named},
    names::RuntimeName,
    resources::{
        runtime::observed::{DEFAULT_ENDPOINT, EndpointState, RuntimeState},
        tags::Tags,
    },
};

/// A runtime and its tags.
pub(crate) struct Read {
    pub(crate) state: RuntimeState,
    pub(crate) tags: Tags,
    /// The `DEFAULT` endpoint, if it was asked for and exists.
    pub(crate) endpoint: Option<EndpointState>,
}

/// Whether the `DEFAULT` endpoint is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Read,
    Skipped,
}

/// Reads the runtimes in the account's list that have this name.
pub(crate) async fn named(
    session: &Session,
    name: &RuntimeName,
    list: &[Named],
    endpoint: Endpoint,
) -> Result<Vec<Read>, AwsError> {
    let runtimes = Runtimes::new(session);
    let mut found = Vec::new();
    for named in list.iter().filter(|named| named.name == name.as_str()) {
        let reading_endpoint = async {
            match endpoint {
                Endpoint::Read => runtimes.read_endpoint(&named.id, DEFAULT_ENDPOINT).await,
                Endpoint::Skipped => Ok(None),
            }
        };
        let read = tokio::join!(
            runtimes.read(&named.id, None),
            runtimes.tags(&named.arn),
            reading_endpoint,
        );
        match read {
            // It was deleted after it was listed; then its tags cannot be read either.
            (Ok(None), _, _) => {}
            (Err(error), _, _) if error.is_not_found() => {}
            (state, tags, endpoint) => found.extend(
                state?
                    .map(|state| {
                        Ok::<_, AwsError>(Read {
                            state,
                            tags: tags?,
                            endpoint: endpoint?,
                        })
                    })
                    .transpose()?,
            ),
        }
    }
    Ok(found)
}
