//! Explains a runtime's failure: the service's reason, and the end of the agent's log.

use std::time::{Duration, SystemTime};

use crate::{
    effects::{aws::logs::Logs, clock},
    error::Failure,
    project::sessions::Placed,
    resources::runtime::observed::{DEFAULT_ENDPOINT, RuntimeState},
};

/// How far back the log is read if its start is unknown.
const RECENT: Duration = Duration::from_mins(10);

/// Returns the failure of a runtime that did not become READY.
pub(crate) async fn failed(placed: &Placed<'_>, state: &RuntimeState) -> Failure {
    let RuntimeState {
        id,
        status,
        failure,
        ..
    } = state;
    let mut said = Failure::world(format!("the runtime `{id}` is {status}"));
    if let Some(reason) = failure {
        said = said.note(reason.clone());
    }
    let now = clock::wall();
    let since = now.checked_sub(RECENT).unwrap_or(now);
    let said = with_log(said, placed, id, since).await;
    match status.as_str() {
        "UPDATE_FAILED" => said
            .note("the endpoints still use the previous version")
            .help("fix the problem and run this again"),
        _ => said.help("fix the problem and run this again; it replaces what failed"),
    }
}

/// Adds the last lines of the agent's log, if any.
pub(crate) async fn with_log(
    failure: Failure,
    placed: &Placed<'_>,
    id: &str,
    since: SystemTime,
) -> Failure {
    match Logs::new(&placed.session)
        .last_lines(id, DEFAULT_ENDPOINT, since)
        .await
    {
        Ok(lines) if lines.is_empty() => failure.note("its log is empty so far"),
        Ok(lines) => failure.note(format!("its log ends with:\n{}", lines.join("\n"))),
        // The failure matters more than an unreadable log.
        Err(error) => failure.note(format!("its log cannot be read: {}", Failure::from(error))),
    }
}
