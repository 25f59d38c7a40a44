//! Prints the findings of all agents.

use std::path::Path;

use serde_json::json;

use super::{Args, ground::Tested};
use crate::{
    check::{Finding, Report, Rule, Severity, junit},
    effects::files,
    error::Failure,
    options,
    text::counted,
    ui::Ui,
};

/// The longest line that is printed, because the SDK's log lines contain whole stack traces. The
/// JSON document has them.
const LONGEST_LINE: usize = 200;

pub(super) fn write_junit(file: &Path, reports: &[Tested], denies: bool) -> Result<(), Failure> {
    let reports: Vec<(String, Report)> = reports
        .iter()
        .map(|tested| (tested.name.clone(), tested.report.clone()))
        .collect();
    let text = junit::document(&reports, denies);
    let folder = file.parent().unwrap_or(file);
    files::create_dir_all(folder)?;
    files::write_atomic(file, folder, text.as_bytes(), false)?;
    Ok(())
}

pub(super) fn show(args: &Args, reports: &[Tested], ui: &Ui) {
    match args.output {
        options::Output::Json => {
            let agents: Vec<_> = reports
                .iter()
                .map(|tested| tested.report.value(&tested.name, tested.protocol))
                .collect();
            ui.document(json!({ "agents": agents }));
        }
        options::Output::Text => {
            for Tested {
                name,
                protocol: _,
                report,
            } in reports
            {
                let several = (reports.len() > 1).then_some(name.as_str());
                for finding in report.findings() {
                    ui.result(&words(finding, several));
                }
                for (why, rules) in report.untested() {
                    let codes: Vec<&str> = rules.into_iter().map(Rule::code).collect();
                    ui.detail("Skipped", &format!("{}: {why}", codes.join(", ")));
                }
            }
        }
    }
}

/// Returns a finding's text, with the agent's name if there are several agents.
pub(super) fn words(finding: &Finding, agent: Option<&str>) -> String {
    let Finding {
        rule,
        severity,
        observed,
        lines,
    } = finding;
    let agent = agent.map(|agent| format!("{agent}: ")).unwrap_or_default();
    let mut text = format!(
        "{}[{}]: {agent}{observed}\n  help: {}",
        severity.name(),
        rule.code(),
        rule.fix()
    );
    for line in lines {
        let short = line.char_indices().nth(LONGEST_LINE);
        match short {
            Some((end, _)) => text.extend(["\n  | ", &line[..end], " …"]),
            None => text.extend(["\n  | ", line]),
        }
    }
    text
}

pub(super) fn summary(reports: &[Tested]) -> String {
    let sum = |count: &dyn Fn(&Report) -> usize| -> usize {
        reports.iter().map(|tested| count(&tested.report)).sum()
    };
    let errors = sum(&|report| report.count(Severity::Error));
    let warnings = sum(&|report| report.count(Severity::Warning));
    let untested = sum(&|report| report.untested().values().map(Vec::len).sum());
    let kept = sum(&Report::kept);
    let untested = match untested {
        0 => String::new(),
        several => format!(", {several} not tested (`-v` says why)"),
    };
    format!(
        "{}, {}, {} passed{untested}",
        counted(errors, "error"),
        counted(warnings, "warning"),
        counted(kept, "rule"),
    )
}
