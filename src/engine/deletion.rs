//! Deletes a resource of AWS, and waits until it is gone.

use crate::{
    effects::{
        aws::{
            AwsError, Kind,
            runtime::{Presence, Runtimes},
        },
        clock,
    },
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

/// Waits until a resource is gone, with a status line now and then.
pub(crate) async fn gone<E: Into<Failure>>(
    what: &str,
    look: impl AsyncFn() -> Result<Presence, E>,
    ui: &Ui,
) -> Result<(), Failure> {
    let start = clock::now();
    let mut said = 0;
    for attempt in 1.. {
        let waited = start.elapsed();
        match look().await.map_err(Into::into)? {
            Presence::Gone => return Ok(()),
            Presence::There { status, failure } if status == "DELETE_FAILED" => {
                let failed = Failure::world(format!("{what} could not be deleted"));
                return Err(match failure {
                    Some(reason) => failed.note(reason),
                    None => failed,
                });
            }
            Presence::There { status, .. } if waited > retry::DELETION => {
                return Err(Failure::world(format!(
                    "{what} is still {status} after {} minutes",
                    waited.as_secs() / 60
                )));
            }
            Presence::There { status, .. } => {
                if waited.as_secs() >= said {
                    said = waited.as_secs() + 10;
                    let limit = retry::DELETION.as_secs() / 60;
                    ui.status(
                        "Waiting",
                        &format!(
                            "for {what} to be deleted ({status}, {} s of at most {limit} min)",
                            waited.as_secs()
                        ),
                    );
                }
            }
        }
        clock::sleep(retry::look(attempt, clock::jitter())).await;
    }
    unreachable!("the loop ends by itself")
}
