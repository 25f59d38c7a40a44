//! All names and places in the metadata, regardless of the current command.

use super::Declaration;
use crate::{
    config::{Agent, Declared, Resource},
    names::Region,
};

pub(super) fn among(
    agents: &[Agent],
    declarations: &[Declaration],
    resources: Vec<Resource>,
) -> Declared {
    Declared {
        resources,
        agents: agents.iter().map(|agent| agent.name.clone()).collect(),
        stages: declarations
            .iter()
            .flat_map(|declaration| declaration.stages.keys().cloned())
            .collect(),
        regions: declarations.iter().flat_map(regions).collect(),
        deployments: agents.iter().filter_map(Agent::deployment_dir).collect(),
        packages: agents
            .iter()
            .filter_map(|agent| agent.layout.import_name().cloned())
            .collect(),
    }
}

/// Returns every region in the metadata, in any stage.
fn regions(declaration: &Declaration) -> impl Iterator<Item = Region> {
    let agents = declaration.agents.iter().map(|table| &table.layer);
    [&declaration.layer]
        .into_iter()
        .chain(agents)
        .chain(declaration.stages.values())
        .filter_map(|layer| layer.region.clone())
}
