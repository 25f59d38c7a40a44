//! How the execution role stands to what the metadata want of it.

use super::{role, session::Placed};
use crate::{
    config::RoleSettings,
    effects::aws::{AwsError, Kind, iam::Iam},
    error::Failure,
    plan::{
        role::{differences, given_differences},
        runtime_diff::FieldChange,
    },
    ui::Ui,
};

/// As far as it may be read.
pub(super) struct RoleHere {
    pub(super) differences: Vec<FieldChange>,
    /// Why not all of it was compared.
    pub(super) unknown: Option<String>,
}

/// That IAM denies to look is no reason to fail: the runtime can be shown without.
pub(super) async fn compare(placed: &Placed<'_>, ui: &Ui) -> Result<RoleHere, Failure> {
    let Placed { agent, session } = placed;
    let iam = Iam::new(session);
    let read = match &agent.role {
        RoleSettings::Given { arn } => {
            let observed = iam.observe_given(&arn.name).await;
            observed.map(|observed| given_differences(arn, &session.account, observed.as_ref()))
        }
        RoleSettings::Managed { .. } => {
            let desired = role::desired(agent, session);
            match iam
                .observe_own_policy(&desired.name, !desired.attached.is_empty())
                .await
            {
                Ok(observed) => Ok(differences(&desired, observed.as_ref())),
                Err(error) => Err(error),
            }
        }
    };
    match read {
        Ok(differences) => Ok(RoleHere {
            differences,
            unknown: None,
        }),
        Err(error) => Ok(RoleHere {
            differences: Vec::new(),
            unknown: Some(denied(placed, error, ui)?),
        }),
    }
}

/// Whether an agent that is not deployed has a role to run with; `None` where that may not be read.
pub(super) async fn is_there(placed: &Placed<'_>, ui: &Ui) -> Result<Option<bool>, Failure> {
    let Placed { agent, session } = placed;
    match Iam::new(session).observe_given(agent.role.name()).await {
        Ok(role) => Ok(Some(role.is_some())),
        Err(error) => denied(placed, error, ui).map(|_| None),
    }
}

fn denied(placed: &Placed<'_>, error: AwsError, ui: &Ui) -> Result<String, Failure> {
    let kind = error.kind;
    let failure = Failure::from(error);
    if kind != Kind::Denied {
        return Err(failure);
    }
    ui.note(&format!(
        "the role of `{}` was not compared: {failure}",
        placed.agent.name
    ));
    Ok("it may not be read".to_owned())
}
