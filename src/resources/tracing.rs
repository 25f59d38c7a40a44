//! CloudWatch Transaction Search: the settings in an account and region that make agents' traces
//! visible.
//!
//! These are settings of the account, not of an agent. If traces already go to CloudWatch Logs, the
//! share that is indexed is someone's choice and is not changed.

use serde_json::{Value, json};

use crate::{
    names::{AccountId, Partition, Region},
    resources::change::{Action, Change, Subject},
};

/// The name that the documentation and other tools use for the policy.
pub(crate) const POLICY: &str = "TransactionSearchXRayAccess";

/// Where traces must go.
pub(crate) const DESTINATION: &str = "CloudWatchLogs";

/// The percentage of spans that is indexed at no extra cost.
pub(crate) const SAMPLING: u8 = 1;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TracingStep {
    /// Allows X-Ray to write into two log groups.
    AllowLogs { document: String },
    /// Sends the traces of the whole account there.
    SendToLogs { before: String },
    /// Sets the share of spans that is searchable.
    Index,
}

/// The observed settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedTracing {
    /// The policy with this tool's name for it.
    pub(crate) policy: Option<String>,
    pub(crate) destination: String,
}

pub(crate) fn plan(
    partition: Partition,
    account: &AccountId,
    region: &Region,
    observed: &ObservedTracing,
) -> Vec<TracingStep> {
    let mut steps = Vec::new();
    if observed.policy.is_none() {
        steps.push(TracingStep::AllowLogs {
            document: policy(partition, account, region).to_string(),
        });
    }
    if observed.destination != DESTINATION {
        steps.push(TracingStep::SendToLogs {
            before: observed.destination.clone(),
        });
        steps.push(TracingStep::Index);
    }
    steps
}

/// Returns true if someone else wrote the policy with this name. It applies to the account, so it
/// is not replaced.
pub(crate) fn has_other_policy(
    partition: Partition,
    account: &AccountId,
    region: &Region,
    observed: &ObservedTracing,
) -> bool {
    let wanted = policy(partition, account, region);
    observed
        .policy
        .as_deref()
        .is_some_and(|text| serde_json::from_str::<Value>(text).ok() != Some(wanted))
}

fn policy(partition: Partition, account: &AccountId, region: &Region) -> Value {
    let group = |name: &str| format!("arn:{partition}:logs:{region}:{account}:log-group:{name}:*");
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": POLICY,
            "Effect": "Allow",
            "Principal": { "Service": "xray.amazonaws.com" },
            "Action": "logs:PutLogEvents",
            "Resource": [group("aws/spans"), group("/aws/application-signals/data")],
            "Condition": {
                "ArnLike": { "aws:SourceArn": format!("arn:{partition}:xray:{region}:{account}:*") },
                "StringEquals": { "aws:SourceAccount": account },
            },
        }],
    })
}

impl TracingStep {
    /// `place` names the account and the region.
    pub(crate) fn change(&self, place: &str) -> Change {
        let (action, object) = match self {
            Self::AllowLogs { document: _ } => (
                Action::Allow,
                format!(
                    "X-Ray to write into the log groups `aws/spans` and `/aws/application-signals/data` (resource policy `{POLICY}`)"
                ),
            ),
            Self::SendToLogs { before } => (
                Action::Send,
                format!(
                    "all traces of the account in this region to CloudWatch Logs instead of {before}"
                ),
            ),
            Self::Index => (
                Action::Index,
                format!("{SAMPLING}% of the account's spans in this region"),
            ),
        };
        Change::new(
            action,
            format!("{object}: {place}"),
            Subject::new("tracing", place),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(policy: Option<&str>, destination: &str) -> ObservedTracing {
        ObservedTracing {
            policy: policy.map(str::to_owned),
            destination: destination.to_owned(),
        }
    }

    #[test]
    fn what_is_switched_on_already_or_somebody_elses_is_left_as_it_is() {
        let account = AccountId::parse("123456789012").unwrap();
        let region = Region::parse("us-gov-west-1").unwrap();
        let steps = |seen: &ObservedTracing| plan(Partition::AwsUsGov, &account, &region, seen);
        let is_others =
            |seen: &ObservedTracing| has_other_policy(Partition::AwsUsGov, &account, &region, seen);
        let nothing = observed(None, "XRay");
        let first = steps(&nothing);
        assert_eq!(first.len(), 3);
        assert!(!is_others(&nothing));
        let TracingStep::AllowLogs { document } = &first[0] else {
            panic!("the policy comes first");
        };
        assert!(
            document
                .contains("arn:aws-us-gov:logs:us-gov-west-1:123456789012:log-group:aws/spans:*")
        );
        let ours = observed(Some(document), DESTINATION);
        assert_eq!(steps(&ours), []);
        assert!(!is_others(&ours));
        let others = observed(Some("{}"), "XRay");
        assert_eq!(steps(&others).len(), 2, "all but the policy");
        assert!(is_others(&others));
    }
}
