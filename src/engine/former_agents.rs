//! Agents that are still deployed but no longer in Cargo.toml.

use std::collections::BTreeSet;

use crate::{
    config::Declared,
    effects::{
        aws::{runtime_read::Named, store::Store},
        manifest::Project,
    },
    engine::runtime::lists::Lists,
    project::{on_disk, sessions::Placed},
    resources::clean::still_deployed,
    ui::Ui,
};

/// Reports them with the command that deletes them, in each account and region of the agents. Errors
/// of the lists are reported with the agents.
pub(crate) async fn notice(
    lists: &Lists,
    placed: &[Placed<'_>],
    place: (&Project, &Declared),
    ui: &Ui,
) {
    let mut places = BTreeSet::new();
    for one in placed {
        if places.insert((&one.session.account, &one.session.region))
            && let Ok(list) = lists.of(&one.session).await
        {
            notice_in(one, place, &list, ui).await;
        }
    }
}

/// `list` are the runtimes of the account and region. Sends more requests only if some of them may
/// be this project's, and ignores refusals.
async fn notice_in(
    placed: &Placed<'_>,
    (project, declared): (&Project, &Declared),
    list: &[Named],
    ui: &Ui,
) {
    let Placed { agent, session } = placed;
    let unknown = list.iter().filter(|named| !declared.knows(&named.name));
    let unknown: Vec<&Named> = unknown.collect();
    if unknown.is_empty() {
        return;
    }
    let stage = agent.stage.as_ref();
    let is_local = stage.is_some_and(|stage| stage.as_str() == "local");
    let built = on_disk::built(project, &agent.project).unwrap_or_default();
    let stored = Store::new(session, &agent.project).list("").await;
    let stored = stored.unwrap_or_default();
    let parts: BTreeSet<&str> = stored
        .iter()
        .filter_map(|object| object.key.split('/').next())
        .collect();
    for Named { id, arn: _, name } in unknown {
        let folder = if is_local {
            format!("{name}_local")
        } else {
            name.clone()
        };
        if parts.contains(name.as_str()) || built.contains(&folder) {
            ui.warning(&still_deployed(
                declared,
                stage,
                (name, id),
                &session.region,
            ));
        }
    }
}
