//! The documents of the roles that CodeBuild assumes.

use serde_json::Value;

use super::{
    Kind,
    printed::{Printed, printed},
};
use crate::{
    names::ours,
    policy::{self, Target},
};

/// Returns the policy of the role that builds the agent's image, if CodeBuild does.
pub(super) fn execution(target: &Target<'_>) -> Option<Printed> {
    target.agent.dockerfile.as_ref()?;
    let grants = policy::build_grants(target.agent, &target.scope);
    Some(Printed {
        role: Some(build_role(target)),
        ..printed(Kind::Execution, std::slice::from_ref(target), &grants)
    })
}

/// Returns the name of the role that CodeBuild assumes.
fn build_role(target: &Target<'_>) -> String {
    let Target { agent, scope, .. } = target;
    ours::build_role(&agent.project, &scope.runtime, &scope.region)
}

/// Returns the trust policies of the roles that CodeBuild assumes.
pub(super) fn trusts<'a>(targets: &'a [Target<'_>]) -> impl Iterator<Item = Printed> + use<'a> {
    let built = targets.iter();
    let built = built.filter(|target| target.agent.dockerfile.is_some());
    built.map(|target| {
        let trust = policy::build_trust(&target.scope, target.agent);
        let asked_by = trust.statement.iter().map(|statement| {
            let by = Value::from("CodeBuild, which builds the image");
            (statement.sid.clone(), by)
        });
        Printed {
            role: Some(build_role(target)),
            ..Printed::new(
                Kind::Trust,
                std::slice::from_ref(target),
                &trust,
                asked_by.collect(),
            )
        }
    })
}
