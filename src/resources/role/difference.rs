//! How a role differs from the metadata, for read-only commands.

use super::{Adopt, DesiredRole, ObservedRole, RoleStep, check_given, plan};
use crate::{
    config::RoleArn,
    error::Failure,
    names::AccountId,
    resources::change::{FieldChange, Secrecy, Step as _},
};

/// Returns what `prepare` would change on a role of this tool, or why it would stop.
pub(crate) fn differences(
    desired: &DesiredRole,
    observed: Option<&ObservedRole>,
) -> Vec<FieldChange> {
    let name = &desired.name;
    if observed.is_none() {
        let before = format!("role `{name}` does not exist");
        return vec![change(before, format!("create role `{name}`"))];
    }
    match plan(desired, observed, Adopt::No) {
        Ok(plan) => plan.steps.iter().map(step).collect(),
        Err(failure) => vec![stop(&failure)],
    }
}

/// Returns the same for a role that the user provides, which is never changed.
pub(crate) fn given_differences(
    arn: &RoleArn,
    account: &AccountId,
    observed: Option<&ObservedRole>,
) -> Vec<FieldChange> {
    let checked = match observed {
        Some(observed) => check_given(&arn.arn, account, observed).map(|_| ()),
        None => Err(Failure::world(format!("role `{}` does not exist", arn.arn))),
    };
    checked.err().iter().map(stop).collect()
}

fn step(step: &RoleStep) -> FieldChange {
    let before = match step {
        RoleStep::Create { role, .. } => format!("role `{role}` does not exist"),
        RoleStep::PutBoundary { role, before, .. } => match before {
            Some(before) => format!("role `{role}` has the permissions boundary `{before}`"),
            None => format!("role `{role}` has no permissions boundary"),
        },
        RoleStep::Tag { role, .. } | RoleStep::Untag { role, .. } => {
            format!("role `{role}` has different tags")
        }
        RoleStep::Attach { role, arn } => {
            format!("policy `{arn}` is not attached to role `{role}`")
        }
        RoleStep::Detach { role, arn } => {
            format!("policy `{arn}` is attached to role `{role}` and no longer declared")
        }
        RoleStep::PutPolicy {
            role,
            policy,
            before: None,
            ..
        } => format!("role `{role}` has no policy `{policy}`"),
        RoleStep::PutPolicy { role, policy, .. } => {
            format!("policy `{policy}` of role `{role}` differs")
        }
        RoleStep::SetTrust { role, .. } => format!("trust policy of role `{role}` differs"),
        RoleStep::DeletePolicy { .. } | RoleStep::Delete { .. } => {
            unreachable!("only `clean` deletes")
        }
    };
    change(before, step.change().words())
}

fn stop(failure: &Failure) -> FieldChange {
    let what: Vec<&str> = failure
        .messages
        .iter()
        .map(|message| message.what.as_str())
        .collect();
    change(what.join("; "), "`prepare` stops at it".to_owned())
}

fn change(before: String, after: String) -> FieldChange {
    FieldChange {
        field: "role".to_owned(),
        before: Some(before),
        after: Some(after),
        secrecy: Secrecy::Open,
    }
}
