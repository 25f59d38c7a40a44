//! The rules that `cargo agentcore check` tests, the requests it sends, and how it judges the
//! answers.
//!
//! Pure: takes answers and times as values and returns verdicts. `effects::check` sends the
//! requests.

pub mod answer;
pub mod judge;
pub mod junit;
pub mod pings;
pub mod remote;
pub mod report;
pub mod request;
pub mod rule;
pub mod snapshot;

pub use self::{
    answer::{Answer, NoAnswer, Outcome},
    report::{Finding, Report, Verdict},
    request::Payload,
    rule::{Rule, Severity},
};
