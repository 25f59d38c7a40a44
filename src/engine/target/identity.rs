//! Who calls: asked while the request is already on its way.

use std::time::Duration;

use super::{ACCOUNT_AFTER, CHECKED_AFTER};
use crate::{
    config::Agent,
    effects::aws::{Session, session::Identifying},
    error::Failure,
    ui::Ui,
};

/// Returns the caller's identity if it is already known. Waits for it if the agent is pinned to an
/// account, or to explain a failure.
pub(crate) async fn identity(
    agent: &Agent,
    identifying: &Identifying,
    has_failed: bool,
    ui: &Ui,
) -> Result<Option<Session>, Failure> {
    let Some(pin) = &agent.account else {
        let limit = if has_failed {
            ACCOUNT_AFTER
        } else {
            Duration::ZERO
        };
        return match identifying.within(limit).await {
            Some(Ok(identity)) => Ok(Some(identity)),
            Some(Err(failure)) if has_failed => Err(failure),
            Some(Err(_)) | None => Ok(None),
        };
    };
    if let Some(answer) = identifying.within(ACCOUNT_AFTER).await {
        return answer.map(Some);
    }
    ui.status(
        "Waiting",
        &format!("for AWS STS to identify the credentials: the agent belongs to account {pin}"),
    );
    match identifying.within(CHECKED_AFTER).await {
        Some(answer) => answer.map(Some),
        None => Err(Failure::world(format!(
            "AWS STS did not identify the credentials within {}",
            humantime::format_duration(CHECKED_AFTER)
        ))
        .note(format!(
            "the agent `{}` belongs to account {pin}, and nothing is sent until that is checked",
            agent.name
        ))
        .help("run this again when `aws sts get-caller-identity` answers")),
    }
}
