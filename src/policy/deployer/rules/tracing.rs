//! Settings of the whole account.

use super::By::Tracing;
use super::{Rule, rule};
use crate::policy::deployer::places::On;

pub(super) const RULES: &[Rule] = &[
    // Settings of the whole account: the service supports nothing narrower.
    rule(
        "Tracing",
        On::All,
        &[
            ("logs:DescribeResourcePolicies", &[Tracing]),
            ("logs:PutResourcePolicy", &[Tracing]),
            ("xray:GetTraceSegmentDestination", &[Tracing]),
            ("xray:UpdateIndexingRule", &[Tracing]),
            ("xray:UpdateTraceSegmentDestination", &[Tracing]),
        ],
    ),
];
