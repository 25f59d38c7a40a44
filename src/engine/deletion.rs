//! Deletes a resource of AWS, and waits until it is gone.

use std::collections::BTreeSet;

use crate::{
    effects::aws::{
        AwsError, Kind, Session,
        iam::Iam,
        runtime::{Presence, Runtimes},
    },
    engine::waiting::{State, wait},
    error::Failure,
    names::RoleName,
    plan::retry,
    resources::{
        clean::{self, Kept, RolePlace, RoleRemoval},
        ownership::{Identity, Ownership},
    },
    ui::Ui,
};

/// Deletes an endpoint of a runtime.
pub(crate) async fn delete_endpoint(
    runtimes: &Runtimes,
    runtime: &str,
    endpoint: &str,
    ui: &Ui,
) -> Result<(), Failure> {
    take_down(
        &format!("endpoint `{endpoint}` of runtime `{runtime}`"),
        async || runtimes.delete_endpoint(runtime, endpoint).await,
        async || runtimes.endpoint_presence(runtime, endpoint).await,
        ui,
    )
    .await
}

/// Deletes a runtime, which must have no endpoint but `DEFAULT`.
pub(crate) async fn delete_runtime(
    runtimes: &Runtimes,
    runtime: &str,
    ui: &Ui,
) -> Result<(), Failure> {
    take_down(
        &format!("runtime `{runtime}`"),
        async || runtimes.delete(runtime).await,
        async || runtimes.presence(runtime).await,
        ui,
    )
    .await
}

/// Deletes a resource and waits until it is gone. If an earlier run is already deleting it, only
/// waits, because the service refuses a second deletion.
async fn take_down(
    what: &str,
    delete: impl AsyncFn() -> Result<(), AwsError>,
    look: impl AsyncFn() -> Result<Presence, AwsError>,
    ui: &Ui,
) -> Result<(), Failure> {
    if !look().await?.is_going() {
        match delete().await {
            Err(error) if error.kind == Kind::Conflict && look().await?.is_going() => {}
            other => other?,
        }
    }
    gone(what, look, ui).await
}

/// Waits until a resource is gone.
pub(crate) async fn gone<E: Into<Failure>>(
    what: &str,
    look: impl AsyncFn() -> Result<Presence, E>,
    ui: &Ui,
) -> Result<(), Failure> {
    let look = async || {
        Ok(match look().await.map_err(Into::into)? {
            Presence::Gone => State::Done(()),
            Presence::There { status, failure } if status == "DELETE_FAILED" => State::Failed {
                status,
                reason: failure,
            },
            Presence::There { status, .. } => State::Going(status),
        })
    };
    let what = format!("{what} to be deleted");
    wait(&what, retry::DELETION, look, ui).await
}

/// Returns what `clean` takes away of a role that a service assumes, if its tags prove that it belongs
/// to `owner`.
pub(crate) async fn own_role(
    name: &RoleName,
    owner: &Identity,
    session: &Session,
    kept: &mut Vec<Kept>,
) -> Result<Vec<RoleRemoval>, Failure> {
    let iam = Iam::new(session);
    let Some(role) = iam.observe_role(name).await? else {
        return Ok(Vec::new());
    };
    match owner.ownership(&role.tags) {
        Ownership::Ours => {}
        Ownership::Unmarked | Ownership::Others(_) => return Ok(Vec::new()),
    }
    let profiles = iam.instance_profiles(name).await?;
    let place = RolePlace {
        partition: session.partition,
        account: &session.account,
        regions: &BTreeSet::from([session.region.clone()]),
        declared: BTreeSet::new(),
    };
    let removal = clean::remove_role(&place, name, &role, &profiles);
    kept.extend(removal.kept);
    Ok(removal.steps)
}
