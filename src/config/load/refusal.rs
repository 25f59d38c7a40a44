//! Settings that the service no longer accepts.

use super::{Declaration, Manifest};
use crate::{
    config::{agent::AgentTable, read::Problems},
    error::Message,
};

/// Returns why the service would refuse the agent.
pub(super) fn of(
    table: &AgentTable,
    declaration: &Declaration,
    manifests: &[Manifest],
) -> Option<Message> {
    let manifest = manifests.iter().find(|m| m.path == declaration.manifest)?;
    let runtime = table.runtime.as_ref()?;
    if !runtime.get_ref().is_refused() {
        return None;
    }
    let what = format!(
        "the service has refused `{}` since August 2026",
        runtime.get_ref().as_str()
    );
    Some(
        Problems::new(&manifest.path, &manifest.text)
            .message(runtime.span(), what, "")
            .help("use `python3.13`"),
    )
}
