//! What is missing if the service answers that it finds nothing.

use super::Partner;
use crate::{effects::aws::runtime::Runtimes, error::Failure, names::EndpointName};

/// The help that lists the existing endpoints.
pub(crate) const LISTED: &str = "`cargo agentcore endpoint list` lists its endpoints";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    Runtime,
    Endpoint,
}

/// Returns what is missing; `None` if both exist, or the caller may not look.
pub(crate) async fn of(partner: &Partner) -> Option<Absence> {
    let connection = partner.connection().await.ok()?;
    if partner.agent.is_none() {
        // Another account's runtimes cannot be read.
        let caller = connection.identify().await.ok()?;
        if partner.arn.split(':').nth(4) != Some(caller.account.as_str()) {
            return None;
        }
    }
    let runtimes = Runtimes::over(&connection);
    let (id, endpoint) = (&partner.id, partner.endpoint.as_str());
    if runtimes.read_endpoint(id, endpoint).await.ok()?.is_some() {
        return None;
    }
    Some(match runtimes.read(id, None).await.ok()? {
        Some(_) => Absence::Endpoint,
        None => Absence::Runtime,
    })
}

impl Absence {
    pub(crate) fn failure(self, partner: &Partner) -> Failure {
        match (self, &partner.agent) {
            (Self::Endpoint, Some(_)) => no_endpoint(&partner.id, &partner.endpoint).help(LISTED),
            (Self::Endpoint, None) => no_endpoint(&partner.id, &partner.endpoint).help(
                "without `--endpoint`, the endpoint `DEFAULT` is used, which every runtime has",
            ),
            // Its name was found a moment ago.
            (Self::Runtime, Some(_)) => {
                Failure::world(format!("the runtime `{}` no longer exists", partner.id))
                    .help("it may have been deleted a moment ago: run this again")
            }
            (Self::Runtime, None) => {
                Failure::world(format!("there is no runtime `{}`", partner.id))
                    .help("check the ARN: it ends with the runtime's ID")
            }
        }
    }
}

pub(crate) fn no_endpoint(id: &str, name: &EndpointName) -> Failure {
    Failure::world(format!("the runtime `{id}` has no endpoint `{name}`"))
}
