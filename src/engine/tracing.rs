//! CloudWatch Transaction Search, for a whole account in a region (`deploy --enable-tracing`). Agents
//! work without it, so a failure here does not fail the deploy.

use std::collections::BTreeMap;

use crate::{
    effects::aws::{AwsError, Session, logs::Logs, xray::XRay},
    engine::plan_output::{Planned, announce},
    error::{Failure, Message},
    project::sessions::Placed,
    resources::{
        change::Reveal,
        tracing::{self as plan, ObservedTracing, TracingStep},
    },
    ui::Ui,
};

/// Enables it wherever the agents are, and prints each change.
pub(crate) async fn enable<'a>(placed: impl Iterator<Item = &'a Placed<'a>>, ui: &Ui) {
    for session in places(placed).values() {
        if let Err(error) = enable_in(session, ui).await {
            ui.warning(&failed(session, error));
        }
    }
}

async fn enable_in(session: &Session, ui: &Ui) -> Result<(), AwsError> {
    let Tracing { steps, warning } = look(session).await?;
    if let Some(warning) = &warning {
        ui.warning(warning);
    }
    if steps.is_empty() {
        ui.status("Unchanged", &format!("tracing: {}", shown(session)));
    }
    for step in &steps {
        announce(&step.change(&shown(session)), ui);
        match step {
            TracingStep::AllowLogs { document } => {
                Logs::new(session).put_tracing_policy(document).await?;
            }
            TracingStep::SendToLogs { before: _ } => XRay::new(session).send_to_logs().await?,
            TracingStep::Index => XRay::new(session).index().await?,
        }
    }
    if !steps.is_empty() {
        ui.note("the first traces can be searched after 10 to 15 minutes");
    }
    Ok(())
}

/// Prints the plan, and returns true if anything would change.
pub(crate) async fn show<'a>(
    placed: impl Iterator<Item = &'a Placed<'a>>,
    planned: Planned<'_>,
    ui: &Ui,
) -> bool {
    let mut changes = false;
    for session in places(placed).values() {
        match look(session).await {
            Ok(Tracing { steps, warning }) => {
                if let Some(warning) = &warning {
                    ui.warning(warning);
                }
                changes |= !steps.is_empty();
                for step in steps {
                    planned.change(&step.change(&shown(session)), Reveal::Keys);
                }
            }
            Err(error) => ui.warning(&failed(session, error)),
        }
    }
    changes
}

/// The steps in one account and region, and a warning about an obstacle.
struct Tracing {
    steps: Vec<TracingStep>,
    warning: Option<Message>,
}

async fn look(session: &Session) -> Result<Tracing, AwsError> {
    let observed = ObservedTracing {
        policy: Logs::new(session).tracing_policy().await?,
        destination: XRay::new(session).destination().await?,
    };
    let Session {
        partition,
        account,
        region,
        ..
    } = session;
    let warning = plan::has_other_policy(*partition, account, region, &observed).then(|| {
        Message::new(format!(
            "the resource policy `{}` of CloudWatch Logs belongs to someone else and is left unchanged: {}",
            plan::POLICY,
            shown(session)
        ))
        .help("if no traces arrive, it must allow `xray.amazonaws.com` to call `logs:PutLogEvents` on `aws/spans` and `/aws/application-signals/data`")
    });
    Ok(Tracing {
        steps: plan::plan(*partition, account, region, &observed),
        warning,
    })
}

fn places<'a>(
    placed: impl Iterator<Item = &'a Placed<'a>>,
) -> BTreeMap<(String, String), &'a Session> {
    placed
        .map(|Placed { session, .. }| {
            let place = (session.account.to_string(), session.region.to_string());
            (place, session)
        })
        .collect()
}

fn shown(session: &Session) -> String {
    format!("account {}, {}", session.account, session.region)
}

fn failed(session: &Session, error: AwsError) -> Message {
    let mut message = Message::new(format!("tracing was not enabled in {}", shown(session)));
    for part in Failure::from(error).messages {
        message = message.note(part.what);
        message.notes.extend(part.notes);
    }
    message
        .note("the agents work without it")
        .help("it needs permissions on the whole account: `logs:PutResourcePolicy`, `logs:DescribeResourcePolicies`, `xray:GetTraceSegmentDestination`, `xray:UpdateTraceSegmentDestination`, `xray:UpdateIndexingRule`")
}
