//! A role that this tool made for an agent and that is not the one that is configured any more.

use super::session::Placed;
use crate::{
    config::{RoleArn, default_role},
    effects::aws::iam::Iam,
    error::{Failure, Message},
    names::StageName,
    plan::{
        clean,
        deployed::role_arn,
        ownership::{Identity, Ownership},
    },
    ui::Ui,
};

/// Says that the role which a runtime runs with is ours and stays where it is, though the runtime gets
/// another one. IAM is asked only where the two differ.
pub(super) async fn notice(placed: &Placed<'_>, runs_with: &str, ui: &Ui) {
    let Placed { agent, session } = placed;
    if runs_with == role_arn(&agent.role, session.partition, &session.account) {
        return;
    }
    let there = RoleArn::parse(runs_with).filter(|role| role.account == session.account);
    let Some(role) = there else { return };
    match Iam::new(session).observe_given(&role.name).await {
        Ok(Some(observed))
            if Identity::of(agent).ownership(&observed.tags) == Ownership::Ours =>
        {
            let warning = Message::new(format!(
                "the role `{}` was made for the agent `{}` and is not the one that is configured now",
                role.name, agent.name
            ));
            let all = (role.name == default_role(&agent.runtime_name)).then(|| {
                format!(
                    "`cargo agentcore clean --agent {}{}` deletes it with the agent",
                    agent.name,
                    super::at_stage(agent.stage.as_ref().map(StageName::as_str))
                )
            });
            let alone = format!("once no runtime runs with it, {}", clean::by_hand(&role.name));
            let warning = warning.help(alone);
            ui.warning(&all.into_iter().fold(warning, Message::help));
        }
        Ok(_) => {}
        // That it is not known is no reason to fail.
        Err(error) => ui.note(&format!(
            "whether the role `{}`, which is not configured any more, was made for the agent `{}` could not be read: {}",
            role.name,
            agent.name,
            Failure::from(error)
        )),
    }
}
