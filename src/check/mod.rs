//! What `cargo agentcore check` tests: the rules of the service's contract, what an agent is asked, and
//! what its answers come to.
//!
//! Pure: answers and times come in as values, verdicts go out. `effects::check` asks.

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
