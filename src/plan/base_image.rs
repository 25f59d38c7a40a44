//! Writes the exact base image of an agent into its manifest, so that every build starts from the
//! same one.

use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value};

use crate::{
    config::TableScope,
    names::{AgentName, image_reference::ImageReference},
};

/// Returns a manifest's text with the base image in the agent's table; `None` if the table is not
/// found.
pub(crate) fn with_base(
    text: &str,
    (scope, agent): (TableScope, &AgentName),
    base: &ImageReference,
) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let head = match scope {
        TableScope::Workspace => "workspace",
        TableScope::Package => "package",
    };
    let ours = ["metadata", "agentcore"]
        .iter()
        .try_fold(document.get_mut(head)?, |table: &mut Item, key| {
            table.as_table_like_mut()?.get_mut(key)
        })?;
    let table = agent_table(ours.as_table_like_mut()?, agent)?;
    set(table, base)?;
    let edited = document.to_string();
    if text.contains("\r\n") {
        return Some(edited.replace("\r\n", "\n").replace('\n', "\r\n"));
    }
    Some(edited)
}

/// Finds the table of an agent, which is the table itself in a package with a single agent.
fn agent_table<'t>(
    ours: &'t mut dyn TableLike,
    agent: &AgentName,
) -> Option<&'t mut dyn TableLike> {
    if !ours.contains_key("agents") {
        return Some(ours);
    }
    let agents = ours.get_mut("agents")?.as_table_like_mut()?;
    let is_agent = |name: &str| name.replace('-', "_") == agent.as_str();
    let key = agents
        .iter()
        .find_map(|(name, _)| is_agent(name).then(|| name.to_owned()))?;
    agents.get_mut(&key)?.as_table_like_mut()
}

fn set(table: &mut dyn TableLike, base: &ImageReference) -> Option<()> {
    let text = base.to_string();
    let Some(image) = table.get_mut("image") else {
        let image: InlineTable = [("base", Value::from(text))].into_iter().collect();
        table.insert("image", toml_edit::value(image));
        return Some(());
    };
    let image = image.as_table_like_mut()?;
    match image.get_mut("base").and_then(Item::as_value_mut) {
        Some(value) => {
            let decor = value.decor().clone();
            *value = text.into();
            *value.decor_mut() = decor;
        }
        None => {
            image.insert("base", toml_edit::value(text));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinned(text: &str) -> Option<String> {
        let agent = AgentName::parse("my_agent").unwrap();
        let digest = format!("sha256:{}", "a".repeat(64));
        let base = ImageReference::parse("ghcr.io/a/b:1")
            .unwrap()
            .pinned(&digest);
        let scope = if text.starts_with("[package") {
            TableScope::Package
        } else {
            TableScope::Workspace
        };
        let edited = with_base(text, (scope, &agent), &base)?;
        Some(edited.replace(&digest, "DIGEST"))
    }

    #[test]
    fn the_digest_is_written_where_the_agent_is_declared_and_nothing_else_changes() {
        for (text, wanted) in [
            (
                "# Ours\n[workspace.metadata.agentcore.agents.my_agent] # one\nartifact = \"image\" # an image\n\n[other]\n",
                "# Ours\n[workspace.metadata.agentcore.agents.my_agent] # one\nartifact = \"image\" # an image\nimage = { base = \"ghcr.io/a/b:1@DIGEST\" }\n\n[other]\n",
            ),
            (
                "[workspace.metadata.agentcore.agents]\nother = {}\nmy-agent = { image = { base = \"ghcr.io/a/b:1\" } }\n",
                "[workspace.metadata.agentcore.agents]\nother = {}\nmy-agent = { image = { base = \"ghcr.io/a/b:1@DIGEST\" } }\n",
            ),
            (
                "[package.metadata.agentcore]\r\nartifact = \"image\"\r\n[package.metadata.agentcore.image]\r\nbase = \"x\" # why\r\n",
                "[package.metadata.agentcore]\r\nartifact = \"image\"\r\n[package.metadata.agentcore.image]\r\nbase = \"ghcr.io/a/b:1@DIGEST\" # why\r\n",
            ),
        ] {
            assert_eq!(pinned(text).as_deref(), Some(wanted));
        }
        for nowhere in [
            "[workspace]\n",
            "[workspace.metadata.agentcore.agents.other]\n",
            "not TOML",
        ] {
            assert_eq!(pinned(nowhere), None, "{nowhere}");
        }
    }
}
