//! The result of checking an agent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    answer::Outcome,
    rule::{Rule, Severity},
};
use crate::config::Protocol;

/// A rule that an agent breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    pub severity: Severity,
    /// What was observed: a sentence without a period.
    pub observed: String,
    /// Lines of the agent's output that explain it.
    pub lines: Vec<String>,
}

impl Finding {
    pub fn error(rule: Rule, observed: impl Into<String>) -> Self {
        Self {
            rule,
            severity: Severity::Error,
            observed: observed.into(),
            lines: Vec::new(),
        }
    }

    pub fn warning(rule: Rule, observed: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(rule, observed)
        }
    }

    #[must_use]
    pub fn with_lines(mut self, lines: Vec<String>) -> Self {
        self.lines = lines;
        self
    }
}

/// The result of testing a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    Broken(Finding),
    /// The rule could not be tested, for this reason.
    Untested(String),
}

/// The verdicts on one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    verdicts: BTreeMap<Rule, Verdict>,
}

impl Report {
    /// Creates a report with every wanted rule that applies to the protocol, untested.
    pub fn begin(protocol: Protocol, is_wanted: impl Fn(Rule) -> bool) -> Self {
        let wanted = Rule::all().filter(|rule| rule.applies(protocol) && is_wanted(*rule));
        let untested = || Verdict::Untested("an earlier test decided it".to_owned());
        Self {
            verdicts: wanted.map(|rule| (rule, untested())).collect(),
        }
    }

    pub fn wants(&self, rule: Rule) -> bool {
        self.verdicts.contains_key(&rule)
    }

    pub fn wants_any(&self, rules: &[Rule]) -> bool {
        rules.iter().any(|rule| self.wants(*rule))
    }

    /// Marks the rule as kept unless it has a finding.
    pub fn keep(&mut self, rule: Rule) {
        if let Some(verdict @ Verdict::Untested(_)) = self.verdicts.get_mut(&rule) {
            *verdict = Verdict::Kept;
        }
    }

    /// Records a finding. A rule keeps its first finding unless a more severe one follows.
    pub fn find(&mut self, finding: Finding) {
        let Some(verdict) = self.verdicts.get_mut(&finding.rule) else {
            return;
        };
        match verdict {
            Verdict::Broken(there) if there.severity >= finding.severity => {}
            Verdict::Broken(_) | Verdict::Kept | Verdict::Untested(_) => {
                *verdict = Verdict::Broken(finding);
            }
        }
    }

    /// Records the finding, or marks the rule as kept if there is none.
    pub fn judge(&mut self, rule: Rule, finding: Option<Finding>) {
        match finding {
            Some(finding) => self.find(finding),
            None => self.keep(rule),
        }
    }

    /// Settles `invoke-error` and `invoke-failed`, of which an answer breaks at most one.
    pub fn judge_error(&mut self, outcome: &Outcome) {
        match outcome {
            Ok(answer) if answer.is_error() => {
                self.skip(&[Rule::InvokeFailed], "the answer is an error of the agent");
            }
            Ok(_) => self.keep(Rule::InvokeError),
            Err(_) => self.skip(&[Rule::InvokeError], "the request has no answer"),
        }
    }

    /// Records why the rules could not be tested.
    pub fn skip(&mut self, rules: &[Rule], why: &str) {
        for rule in rules {
            if let Some(Verdict::Untested(before)) = self.verdicts.get_mut(rule) {
                why.clone_into(before);
            }
        }
    }

    /// Records why all remaining rules could not be tested.
    pub fn skip_rest(&mut self, why: &str) {
        let all: Vec<Rule> = self.verdicts.keys().copied().collect();
        self.skip(&all, why);
    }

    pub fn verdicts(&self) -> impl Iterator<Item = (Rule, &Verdict)> {
        self.verdicts.iter().map(|(rule, verdict)| (*rule, verdict))
    }

    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.verdicts.values().filter_map(|verdict| match verdict {
            Verdict::Broken(finding) => Some(finding),
            Verdict::Kept | Verdict::Untested(_) => None,
        })
    }

    pub fn count(&self, severity: Severity) -> usize {
        self.findings()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    pub fn kept(&self) -> usize {
        let verdicts = self.verdicts.values();
        verdicts
            .filter(|verdict| **verdict == Verdict::Kept)
            .count()
    }

    /// Returns the untested rules, by reason.
    pub fn untested(&self) -> BTreeMap<&str, Vec<Rule>> {
        let mut found: BTreeMap<&str, Vec<Rule>> = BTreeMap::new();
        for (rule, verdict) in self.verdicts() {
            if let Verdict::Untested(why) = verdict {
                found.entry(why).or_default().push(rule);
            }
        }
        found
    }

    /// Returns the report for the JSON document.
    pub fn value(&self, agent: &str, protocol: Protocol) -> Value {
        let findings: Vec<Value> = self
            .findings()
            .map(|finding| {
                let Finding {
                    rule,
                    severity,
                    observed,
                    lines,
                } = finding;
                json!({
                    "code": rule.code(),
                    "severity": severity.name(),
                    "observed": observed,
                    "fix": rule.fix(),
                    "lines": lines,
                })
            })
            .collect();
        let kept: Vec<&str> = self
            .verdicts()
            .filter(|(_, verdict)| **verdict == Verdict::Kept)
            .map(|(rule, _)| rule.code())
            .collect();
        let untested = self.untested().into_iter();
        let untested: Vec<Value> = untested
            .flat_map(|(why, rules)| {
                let rules = rules.into_iter();
                rules.map(move |rule| json!({ "code": rule.code(), "why": why }))
            })
            .collect();
        json!({
            "agent": agent,
            "protocol": protocol.service_name(),
            "findings": findings,
            "kept": kept,
            "untested": untested,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_untested_until_it_is_judged_and_the_gravest_finding_stays() {
        let mut report = Report::begin(Protocol::Http, |rule| rule != Rule::Unicode);
        assert!(report.wants(Rule::BadJson) && !report.wants(Rule::Unicode));
        assert!(!report.wants(Rule::McpTools));
        report.find(Finding::error(Rule::Unicode, "not asked for"));
        report.find(Finding::error(Rule::McpTools, "of another protocol"));
        assert_eq!(report.findings().count(), 0);
        report.find(Finding::warning(Rule::BadJson, "first"));
        report.keep(Rule::BadJson);
        report.skip(&[Rule::BadJson], "late");
        report.find(Finding::error(Rule::BadJson, "second"));
        report.find(Finding::error(Rule::BadJson, "third"));
        report.keep(Rule::EmptyBody);
        report.skip_rest("the agent ended");
        let found: Vec<&str> = report.findings().map(|f| f.observed.as_str()).collect();
        assert_eq!(found, ["second"]);
        assert_eq!(report.count(Severity::Error), 1);
        assert_eq!(report.kept(), 1);
        let rest = report.verdicts.len() - 2;
        assert_eq!(report.untested()["the agent ended"].len(), rest);
        let value = report.value("shop", Protocol::Http);
        assert_eq!(value["findings"][0]["code"], "bad-json");
        assert_eq!(value["kept"], json!(["empty-body"]));
        assert_eq!(value["untested"].as_array().unwrap().len(), rest);
    }
}
