//! Deletes the emulator once it contains nothing of the project.

use std::collections::BTreeSet;

use super::{Cleaning, Removal, World};
use crate::{
    config::Config,
    effects::{
        folder::Folder,
        local::{self, Stopped},
        manifest::Project,
    },
    error::Failure,
    project::emulator::dir,
    ui::Ui,
};

/// Stops the emulator and deletes its state, unless something is kept in it: resources of this tool
/// keep it running, and a role that the user provides keeps its state.
pub(crate) async fn end(
    (project, config): (&Project, &Config),
    cleaning: &Cleaning<'_>,
    world: World,
    ui: &Ui,
) -> Result<(), Failure> {
    let dir = dir(project, config)?;
    if world == World::Empty {
        // Another run may have started it in the meantime.
        if local::is_empty(&dir)? {
            remove(&dir, ui)?;
        }
        return Ok(());
    }
    let agents = &cleaning.agents;
    let kept = agents.iter().flat_map(Removal::kept_in_aws);
    let kept: BTreeSet<String> = kept
        .chain(cleaning.kept_resources())
        .map(|kept| kept.what.to_string())
        .collect();
    if !kept.is_empty() {
        let kept = kept.into_iter().collect::<Vec<_>>().join(", ");
        ui.status(
            "Keeping",
            &format!("the emulator, because it still has {kept}"),
        );
        ui.note(&format!(
            "`cargo agentcore local stop` stops it; its files are in `{}`",
            dir.path().display()
        ));
        return Ok(());
    }
    let mut brought = BTreeSet::new();
    for removal in agents {
        let role = removal.brought().await?;
        brought.extend(role.map(|arn| format!("role `{arn}`")));
    }
    if let Stopped::WasRunning(emulator) = local::stop(&dir).await? {
        ui.status("Stopped", &format!("the emulator at {}", emulator.url));
    }
    if brought.is_empty() {
        return remove(&dir, ui);
    }
    let brought = brought.into_iter().collect::<Vec<_>>().join(", ");
    ui.status(
        "Keeping",
        &format!("the emulator's state, because it has {brought}"),
    );
    ui.note(&format!(
        "the next command with `--local` uses it again; its files are in `{}`",
        dir.path().display()
    ));
    Ok(())
}

/// Describes what [`end`] deletes if nothing is kept in the emulator.
pub(crate) fn words((project, config): (&Project, &Config)) -> Result<Option<String>, Failure> {
    let dir = dir(project, config)?;
    Ok(dir.exists()?.then(|| {
        format!(
            "remove the emulator's files in `{}`, unless something else is kept there",
            dir.path().display()
        )
    }))
}

fn remove(dir: &Folder, ui: &Ui) -> Result<(), Failure> {
    if dir.exists()? {
        let path = dir.path();
        ui.status(
            "Removing",
            &format!("the emulator's files in `{}`", path.display()),
        );
    }
    local::remove(dir)?;
    if let Some(project) = dir.parent() {
        project.remove_if_empty()?;
    }
    Ok(())
}
