//! Deletes a resource of AWS, and waits until it is gone.

use crate::{
    effects::aws::{
        AwsError, Kind,
        runtime::{Presence, Runtimes},
    },
    engine::waiting::{State, wait},
    error::Failure,
    plan::retry,
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
