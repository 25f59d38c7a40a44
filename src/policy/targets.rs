//! The agents and regions that documents are about.

use super::{Scope, Target};
use crate::{
    config::{Agent, RoleSettings},
    error::Failure,
    names::{AccountId, Region},
};

/// Returns every agent in every requested region.
pub fn targets<'a>(
    agents: &'a [Agent],
    account: Option<&AccountId>,
    regions: &[Region],
) -> Result<Vec<Target<'a>>, Failure> {
    let mut targets = Vec::new();
    for agent in agents {
        let given = match &agent.role {
            RoleSettings::Given { arn } => Some(&arn.account),
            RoleSettings::Managed { .. } => None,
        };
        let account = account.or(agent.account.as_ref()).or(given);
        let own: Vec<Region> = match (regions, &agent.region) {
            ([], Some(region)) => vec![region.clone()],
            ([], None) => vec![Region::placeholder()],
            (asked, _) => asked.to_vec(),
        };
        for region in own {
            let scope = Scope {
                partition: region.partition(),
                region,
                account: account.cloned().unwrap_or_else(AccountId::placeholder),
                runtime: agent.runtime_name.clone(),
            };
            targets.push(Target {
                agent,
                scope,
                repository: None,
            });
        }
    }
    for pair in targets.windows(2) {
        let (one, other) = (&pair[0].scope, &pair[1].scope);
        if one.partition != other.partition && one.account == other.account {
            return Err(Failure::usage(format!(
                "`{}` and `{}` belong to different partitions, which share no account",
                one.region, other.region
            ))
            .help("name the regions of one partition at a time"));
        }
    }
    Ok(targets)
}
