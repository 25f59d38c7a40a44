//! How the execution role compares to the metadata.

use crate::{
    config::RoleSettings,
    effects::aws::{AwsError, Kind, iam::Iam},
    engine::role,
    error::Failure,
    project::sessions::Placed,
    resources::{
        change::FieldChange,
        role::{differences, given_differences},
    },
    ui::Ui,
};

/// The result of the comparison.
pub(crate) struct RoleHere {
    pub(crate) differences: Vec<FieldChange>,
    /// Why it is incomplete.
    pub(crate) unknown: Option<String>,
}

/// Compares the role. Missing permission is not an error, because the runtime can be shown without
/// it.
pub(crate) async fn compare(placed: &Placed<'_>, ui: &Ui) -> Result<RoleHere, Failure> {
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

/// Returns whether the role of an agent that is not deployed exists; `None` without permission to
/// look.
pub(crate) async fn is_there(placed: &Placed<'_>, ui: &Ui) -> Result<Option<bool>, Failure> {
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
    Ok("reading it is not permitted".to_owned())
}
