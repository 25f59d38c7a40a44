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

/// A runtime with its tags and endpoints. It may be forbidden to read the last two.
pub(crate) struct Read {
    pub(crate) state: RuntimeState,
    pub(crate) tags: Result<Tags, AwsError>,
    pub(crate) endpoints: Result<Endpoints, AwsError>,
}

/// The endpoints that were read.
#[derive(Debug, Clone)]
pub(crate) enum Endpoints {
    /// Only `DEFAULT`, if it exists.
    Default(Option<EndpointState>),
    All(Vec<EndpointState>),
}

/// Which endpoints are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Nothing,
    Default,
    All,
}

/// Reads the runtimes in the account's list that have this name.
pub(crate) async fn named(
    session: &Session,
    name: &RuntimeName,
    list: &[Named],
    wanted: Wanted,
) -> Result<Vec<Read>, AwsError> {
    let runtimes = Runtimes::new(session);
    let mut found = Vec::new();
    for Named { id, arn, name: _ } in list.iter().filter(|named| named.name == name.as_str()) {
        let reading_endpoints = async {
            Ok(match wanted {
                Wanted::Nothing => Endpoints::Default(None),
                Wanted::Default => {
                    Endpoints::Default(runtimes.read_endpoint(id, DEFAULT_ENDPOINT).await?)
                }
                Wanted::All => Endpoints::All(runtimes.read_endpoints(id).await?),
            })
        };
        let (state, tags, endpoints) = tokio::join!(
            runtimes.read(id, None),
            runtimes.tags(arn),
            reading_endpoints,
        );
        match state {
            // It was deleted after it was listed; then its tags cannot be read either.
            Err(error) if error.is_not_found() => {}
            state => found.extend(state?.map(|state| Read {
                state,
                tags,
                endpoints,
            })),
        }
    }
    Ok(found)
}
