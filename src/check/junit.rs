//! Reports as JUnit XML, for CI systems that show tests.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::{
    report::{Finding, Report, Verdict},
    rule::Severity,
};

/// Returns a document with one suite per agent and one case per rule. Warnings fail only if they
/// are denied.
pub fn document(reports: &[(String, Report)], denies_warnings: bool) -> String {
    let mut document = Document::new("cargo agentcore check");
    for (agent, report) in reports {
        let mut suite = TestSuite::new(agent.as_str());
        for (rule, verdict) in report.verdicts() {
            let (status, output) = status(verdict, denies_warnings);
            let mut case = TestCase::new(rule.code(), status);
            case.set_classname(agent.as_str());
            if let Some(output) = output {
                case.set_system_out(output);
            }
            suite.add_test_case(case);
        }
        document.add_test_suite(suite);
    }
    document
        .to_string()
        .expect("XML can be written into memory")
}

fn status(verdict: &Verdict, denies_warnings: bool) -> (TestCaseStatus, Option<String>) {
    match verdict {
        Verdict::Kept => (TestCaseStatus::success(), None),
        Verdict::Untested(why) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(why.as_str());
            (status, None)
        }
        Verdict::Broken(finding) if finding.severity == Severity::Error || denies_warnings => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(finding.observed.as_str());
            status.set_type(finding.severity.name());
            status.set_description(words(finding));
            (status, None)
        }
        Verdict::Broken(finding) => (
            TestCaseStatus::success(),
            Some(format!("warning: {}", words(finding))),
        ),
    }
}

fn words(finding: &Finding) -> String {
    let Finding {
        rule,
        severity: _,
        observed,
        lines,
    } = finding;
    let mut text = format!("{observed}\nhelp: {}", rule.fix());
    for line in lines {
        text.extend(["\n", line]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check::Rule, config::Protocol};

    #[test]
    fn a_failure_a_warning_and_what_was_not_tested_are_told_apart() {
        let mut report = Report::begin(Protocol::Http, |rule| {
            [Rule::BadJson, Rule::EmptyBody, Rule::Unicode, Rule::Sigterm].contains(&rule)
        });
        report.find(Finding::error(Rule::BadJson, "it ends with <1> & more"));
        report.find(Finding::warning(Rule::EmptyBody, "answered with 500"));
        report.keep(Rule::Sigterm);
        report.skip_rest("no \u{1b} answer");
        let reports = [("shop".to_owned(), report)];
        let text = document(&reports, false);
        for part in [
            r#"tests="4""#,
            r#"failures="1""#,
            r#"name="bad-json" classname="shop""#,
            "it ends with &lt;1&gt; &amp; more",
            "warning: answered with 500",
            "<skipped",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(document(&reports, true).contains(r#"failures="2""#));
    }
}
