//! A role that this tool created for an agent and that is no longer configured.

use crate::{
    config::{RoleArn, default_role},
    effects::{
        aws::{AwsError, iam::Iam},
        manifest::Project,
    },
    error::{Failure, Message},
    names::RoleName,
    project::{on_disk, sessions::Placed},
    resources::{
        ownership::{Identity, Ownership},
        role,
        runtime::observed::role_arn,
    },
    ui::Ui,
};

/// Reports that a runtime's current role belongs to this project and stays when the runtime gets
/// another one. Asks IAM only if the two differ.
pub(crate) async fn notice(placed: &Placed<'_>, runs_with: &str, ui: &Ui) {
    let Placed { agent, session } = placed;
    if runs_with == role_arn(&agent.role, session.partition, &session.account) {
        return;
    }
    let there = RoleArn::parse(runs_with).filter(|role| role.account == session.account);
    let Some(role) = there else { return };
    if let Err(error) = look(placed, &role.name, ui).await {
        // Missing permission is not an error.
        ui.note(&format!(
            "cannot check whether the role `{}`, which is no longer configured, was created for the agent `{}`: {}",
            role.name,
            agent.name,
            Failure::from(error)
        ));
    }
}

/// Like [`notice`], without looking at runtimes: checks the role with the default name if the agent
/// was deployed from here and another role is configured. A refusal does not mean that the role
/// exists.
pub(crate) async fn notice_default(placed: &Placed<'_>, project: &Project, ui: &Ui) {
    let name = default_role(&placed.agent.runtime_name);
    let was_deployed = on_disk::memory(project, placed)
        .and_then(|memory| Ok(memory.exists()?))
        .unwrap_or(false);
    if *placed.agent.role.name() != name && was_deployed {
        let _ = look(placed, &name, ui).await;
    }
}

async fn look(placed: &Placed<'_>, name: &RoleName, ui: &Ui) -> Result<(), AwsError> {
    let Placed { agent, session } = placed;
    let Some(observed) = Iam::new(session).observe_given(name).await? else {
        return Ok(());
    };
    if Identity::of(agent).ownership(&observed.tags) != Ownership::Ours {
        return Ok(());
    }
    let mut warning = Message::new(format!(
        "the role `{name}` was created for the agent `{}` and is no longer configured",
        agent.name
    ))
    .help(format!("once no runtime uses it, {}", role::by_hand(name)));
    if *name == default_role(&agent.runtime_name) {
        warning = warning.help(format!(
            "`cargo agentcore clean --agent {}` deletes it with the agent",
            agent.name
        ));
    }
    ui.warning(&warning);
    Ok(())
}
