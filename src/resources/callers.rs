//! Plans the policies that allow exactly the declared callers to call a runtime from other
//! accounts.
//!
//! The runtime and each of its endpoints have separate policies. A policy written by others is
//! never changed unless it is adopted.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    config::{Agent, Caller},
    error::Failure,
    policy,
    resources::{
        change::{Action, Change, Details, FieldChange, Secrecy, Step, Subject},
        role::Adopt,
        tags::{Tags, settings},
    },
};

/// A runtime or an endpoint with its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedPolicy {
    pub(crate) arn: String,
    /// The name in messages: ``runtime `x` `` or ``endpoint `prod` ``.
    pub(crate) name: String,
    pub(crate) document: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallersStep {
    pub(crate) on: ObservedPolicy,
    /// `None` deletes the policy.
    pub(crate) document: Option<Value>,
    /// True if the replaced policy was written by others.
    pub(crate) adopts: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CallersPlan {
    pub(crate) steps: Vec<CallersStep>,
    /// Policies written by others that stay because no callers are declared.
    pub(crate) kept: Vec<ObservedPolicy>,
}

impl CallersPlan {
    /// Returns what was done before the runtime was written, followed by what was `granted` after.
    pub(crate) fn carried_out(self, granted: Vec<CallersStep>) -> Vec<CallersStep> {
        let withdrawn = self
            .steps
            .into_iter()
            .filter(|step| step.document.is_none());
        withdrawn.chain(granted).collect()
    }
}

/// Returns whether the policies must be read. `tags` are the runtime's, if known. Without declared
/// callers and without a record of former ones, no policy is ours.
pub(crate) fn concern(agent: &Agent, tags: &Tags) -> bool {
    let is_recorded = match tags {
        Tags::Known(tags) => settings::recorded(tags).contains(settings::CALLERS),
        Tags::Unknown => false,
    };
    is_recorded || !agent.callers.is_empty()
}

pub(crate) fn plan(
    agent: &Agent,
    observed: &[ObservedPolicy],
    adopt: Adopt,
) -> Result<CallersPlan, Failure> {
    let mut plan = CallersPlan::default();
    for on in observed {
        let is_ours = on.document.as_ref().is_none_or(policy::is_ours);
        let document = wanted(agent, &on.arn);
        let is_same = match (&on.document, &document) {
            (Some(there), Some(wanted)) => policy::same(there, wanted),
            (None, None) => true,
            _ => false,
        };
        if is_same {
            continue;
        }
        if !is_ours && document.is_none() {
            plan.kept.push(on.clone());
            continue;
        }
        if !is_ours && adopt == Adopt::No {
            return Err(Failure::world(format!(
                "the {} has a resource policy that this tool did not write",
                on.name
            ))
            .note("`callers` would replace it")
            .help("pass `--adopt` to replace it after you have seen the difference")
            .help("or remove `callers` from Cargo.toml, and the policy stays as it is"));
        }
        plan.steps.push(CallersStep {
            on: on.clone(),
            document,
            adopts: !is_ours,
        });
    }
    Ok(plan)
}

fn wanted(agent: &Agent, arn: &str) -> Option<Value> {
    if agent.callers.is_empty() {
        return None;
    }
    Some(policy::callers(&agent.callers, agent.protocol, arn).to_value())
}

/// Returns the change for a new runtime with these callers.
pub(crate) fn for_new_runtime(callers: &BTreeSet<Caller>) -> Option<FieldChange> {
    let callers = listed(callers.iter().map(|caller| caller.arn().to_owned()));
    callers.map(|callers| FieldChange {
        field: "callers".to_owned(),
        before: None,
        after: Some(callers),
        secrecy: Secrecy::Open,
    })
}

impl Step for CallersStep {
    fn change(&self) -> Change {
        let action = match self.document {
            Some(_) => Action::Write,
            None => Action::Delete,
        };
        Change::new(
            action,
            format!("the resource policy of {}", self.on.name),
            Subject::new("resource policy", &self.on.arn),
        )
        .with(Details::Fields(vec![self.callers()]))
    }
}

impl CallersStep {
    /// Returns the callers before and after.
    pub(crate) fn callers(&self) -> FieldChange {
        let shown = |document: &Option<Value>| {
            let document = document.as_ref()?;
            if !policy::is_ours(document) {
                return Some("a policy that others wrote".to_owned());
            }
            listed(policy::principals(document).into_iter())
        };
        FieldChange {
            field: format!("callers of {}", self.on.name),
            before: shown(&self.on.document),
            after: shown(&self.document),
            secrecy: Secrecy::Open,
        }
    }
}

fn listed(arns: impl Iterator<Item = String>) -> Option<String> {
    let arns: Vec<String> = arns.collect();
    (!arns.is_empty()).then(|| arns.join(", "))
}
