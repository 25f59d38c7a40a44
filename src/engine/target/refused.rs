//! Explains why an agent did not answer, and what to do.

use std::time::{Duration, SystemTime};

use super::{Partner, no_token, not_found};
use crate::{
    effects::{
        aws::{AwsError, Kind, data_plane::Refusal, logs::Logs, runtime::Runtimes},
        clock,
        dev::{NOT_RUNNING, STARTS_AGAIN},
    },
    error::Failure,
    names::EndpointName,
    plan::retry::Setback,
    protocol::{self, refusal::LOG_ENDS},
    ui::Ui,
};

/// How often the log is checked, because an agent's output arrives after some seconds.
const LOOKS: usize = 4;

/// The assumed clock difference between this machine and the service.
const SKEW: Duration = Duration::from_secs(10);

/// Classifies a refusal for retries.
fn setback(refusal: &Refusal) -> Setback {
    match refusal {
        Refusal::Answered { error, .. } => match (error.kind, error.code.as_deref()) {
            (Kind::Throttled, _) => Setback::Throttled,
            (_, Some("RetryableConflictException")) => Setback::Busy,
            _ => Setback::Other,
        },
        Refusal::Unreachable(_) => Setback::Unreachable,
        Refusal::Broken(_) | Refusal::Silent => Setback::Other,
    }
}

/// Sends a request until there is an answer, or a refusal that another attempt cannot change. Sends
/// it again only if the agent cannot have received it. `tell` is called before each pause.
pub(crate) async fn persist<T>(
    send: impl AsyncFn() -> Result<T, Refusal>,
    tell: impl Fn(Setback, Duration),
) -> Result<T, Refusal> {
    let mut pauses = clock::pauses(usize::MAX).zip(1..);
    loop {
        let refusal = match send().await {
            Ok(reply) => return Ok(reply),
            Err(refusal) => refusal,
        };
        let setback = setback(&refusal);
        match pauses.next() {
            Some((pause, attempt)) if attempt < setback.attempts() => {
                tell(setback, pause);
                clock::sleep(pause).await;
            }
            _ => return Err(refusal),
        }
    }
}

/// Returns true if the service found nothing, so that no session was started.
pub(crate) fn is_absence(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Answered { error, .. } if error.kind == Kind::NotFound)
}

/// Returns the reason that is printed while the request waits for a retry.
pub(crate) fn reason(setback: Setback) -> &'static str {
    match setback {
        Setback::Throttled => "the service is busy",
        Setback::Busy => "the session is busy with another request",
        Setback::Unreachable => "it cannot be reached",
        Setback::Other => "it failed",
    }
}

/// Returns the failure for a refusal. `since` is when the request was sent.
pub(crate) async fn explain(
    refusal: Refusal,
    partner: &Partner,
    limit: Duration,
    since: SystemTime,
    ui: &Ui,
) -> Failure {
    match refusal {
        Refusal::Unreachable(cause) => {
            Failure::world(format!("cannot connect to `{}`", partner.url)).note(cause)
        }
        Refusal::Broken(cause) => Failure::world(format!(
            "the connection was lost before the {} answered",
            partner.name()
        ))
        .note(cause)
        .note("it may have processed the request, so the request was not sent again"),
        Refusal::Silent => Failure::world(format!(
            "the {} sent nothing for {}",
            partner.name(),
            humantime::format_duration(limit)
        ))
        .help("`--timeout 30m` waits longer; an agent that needs long should stream its answer"),
        Refusal::Answered {
            error,
            status,
            authenticate,
        } => {
            if partner.is_developed {
                return of_developed(&error, status, partner);
            }
            let failure = match status {
                401 | 403 => unauthorized(error, partner).await,
                424 => agent_failed(error, partner, since, ui).await,
                _ if error.kind == Kind::NotFound => not_found(error, partner).await,
                _ => other(error),
            };
            match authenticate {
                Some(demand) => failure.note(format!("it asks for `{demand}`")),
                None => failure,
            }
        }
    }
}

/// Explains an answer of the agent itself, or of the `dev` in front of it.
fn of_developed(error: &AwsError, status: u16, partner: &Partner) -> Failure {
    if error.code.as_deref() == Some(NOT_RUNNING) {
        let failure = Failure::world(format!("the {} is not running", partner.name()))
            .note(error.message.clone());
        // `dev` says so if it could not start the agent.
        return if error.message.contains(STARTS_AGAIN) {
            failure
        } else {
            failure.help(STARTS_AGAIN)
        };
    }
    if error.code.is_some() {
        return said(
            Failure::world(format!(
                "`dev` refused the request, as AgentCore would, with status {status}"
            )),
            error,
        );
    }
    said(
        Failure::world(format!(
            "the {} answered with status {status}, and AgentCore would answer 424 in its place",
            partner.name()
        )),
        error,
    )
    .help("`cargo agentcore logs --dev` shows what it printed")
}

async fn unauthorized(error: AwsError, partner: &Partner) -> Failure {
    if partner.with_token {
        return said(
            Failure::access(format!("the {} did not accept the bearer token", partner.name())),
            &error,
        )
        .help("get a new token whose issuer, audience and client match the runtime's authorizer")
        .help("for a runtime without an authorizer, omit `--bearer-token` and unset CARGO_AGENTCORE_BEARER_TOKEN");
    }
    let wants_jwt = match partner.connection().await {
        Ok(connection) => Runtimes::over(&connection).wants_jwt(&partner.id).await,
        Err(_) => Ok(false),
    };
    // Without permission to read the runtime, the service's message is used.
    if wants_jwt.unwrap_or(false) {
        return said(
            no_token(&format!("the {} has an authorizer", partner.name())),
            &error,
        );
    }
    error.into()
}

/// Explains an agent's error or missing answer; the agent's own output is the best explanation.
async fn agent_failed(error: AwsError, partner: &Partner, since: SystemTime, ui: &Ui) -> Failure {
    let name = partner.name();
    let what = match protocol::Refusal::status_of_agent(&error.message) {
        Some(status @ 400..500) => format!("the {name} refused the request with status {status}"),
        Some(_) | None => format!("the {name} failed"),
    };
    let failure = said(Failure::world(what), &error);
    if error.message.contains(LOG_ENDS) {
        return with_way_to_logs(failure, partner);
    }
    let group = protocol::logs::group(&partner.id, partner.endpoint.as_str());
    let failure = match last_lines(partner, since, ui).await {
        Ok(lines) if lines.is_empty() => failure.note(format!(
            "its log group `{group}` has no lines for this request yet"
        )),
        Ok(lines) => failure.note(format!("its log ends with:\n{}", lines.join("\n"))),
        Err(cause) => failure.note(format!("its log group `{group}` cannot be read: {cause}")),
    };
    with_way_to_logs(failure, partner)
}

fn with_way_to_logs(failure: Failure, partner: &Partner) -> Failure {
    match &partner.agent {
        Some(_) if partner.endpoint == EndpointName::default() => {
            failure.help("`cargo agentcore logs` shows more")
        }
        Some(_) => failure.help(format!(
            "`cargo agentcore logs --endpoint {}` shows more",
            partner.endpoint
        )),
        None => failure,
    }
}

async fn last_lines(partner: &Partner, since: SystemTime, ui: &Ui) -> Result<Vec<String>, Failure> {
    let logs = Logs::over(&partner.connection().await?);
    let since = since.checked_sub(SKEW).unwrap_or(since);
    let look = async || {
        logs.last_lines(&partner.id, partner.endpoint.as_str(), since)
            .await
    };
    let mut lines = look().await?;
    if lines.is_empty() {
        ui.status("Waiting", "for the agent's log");
    }
    for pause in clock::looks().take(LOOKS - 1) {
        if !lines.is_empty() {
            break;
        }
        clock::sleep(pause).await;
        lines = look().await?;
    }
    Ok(lines)
}

async fn not_found(error: AwsError, partner: &Partner) -> Failure {
    if let Some(absence) = not_found::of(partner).await {
        return said(absence.failure(partner), &error);
    }
    let AwsError {
        operation,
        resource,
        ..
    } = &error;
    let failure = said(
        Failure::world(format!("`{operation}` on {resource} failed")),
        &error,
    );
    if partner.endpoint == EndpointName::default() {
        return failure;
    }
    failure.help("without `--endpoint`, the endpoint `DEFAULT` is used, which every runtime has")
}

fn other(error: AwsError) -> Failure {
    let is_busy = error.code.as_deref() == Some("RetryableConflictException");
    let failure = Failure::from(error);
    if is_busy {
        return failure.help(
            "the session is busy with another request: wait for it, or use another `--session`",
        );
    }
    failure
}

fn said(failure: Failure, error: &AwsError) -> Failure {
    let failure = match &error.code {
        Some(code) => failure.note(format!("{code}: {}", error.message)),
        None => failure.note(error.message.clone()),
    };
    match &error.request_id {
        Some(id) => failure.note(format!("request id {id}")),
        None => failure,
    }
}
