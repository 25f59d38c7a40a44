//! What an agent's check came to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rule::{Rule, Severity};
use crate::config::Protocol;

/// A rule that an agent breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    pub severity: Severity,
    /// What was seen: a sentence without a period.
    pub observed: String,
    /// Lines that the agent printed, where they explain it.
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

/// What the test of a rule came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    Broken(Finding),
    /// It could not be told, and why.
    Untested(String),
}

/// The verdicts on one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    verdicts: BTreeMap<Rule, Verdict>,
}

impl Report {
    /// Every rule that is to be tested, none of them tested yet.
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

    /// The rule is kept, as far as nothing else was found.
    pub fn keep(&mut self, rule: Rule) {
        if let Some(verdict @ Verdict::Untested(_)) = self.verdicts.get_mut(&rule) {
            *verdict = Verdict::Kept;
        }
    }

    /// The first finding of a rule stays, unless a graver one follows.
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

    /// The rule is kept, or this was found.
    pub fn judge(&mut self, rule: Rule, finding: Option<Finding>) {
        match finding {
            Some(finding) => self.find(finding),
            None => self.keep(rule),
        }
    }

    /// Why the rules could not be tested.
    pub fn skip(&mut self, rules: &[Rule], why: &str) {
        for rule in rules {
            if let Some(Verdict::Untested(before)) = self.verdicts.get_mut(rule) {
                why.clone_into(before);
            }
        }
    }

    /// Why nothing more could be tested.
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

    /// The rules that could not be tested, by the reason.
    pub fn untested(&self) -> BTreeMap<&str, Vec<Rule>> {
        let mut found: BTreeMap<&str, Vec<Rule>> = BTreeMap::new();
        for (rule, verdict) in self.verdicts() {
            if let Verdict::Untested(why) = verdict {
                found.entry(why).or_default().push(rule);
            }
        }
        found
    }

    /// For the JSON document.
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
