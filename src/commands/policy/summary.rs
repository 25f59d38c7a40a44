//! A document as text: whole, or summed up for a terminal.

use super::{Kind, documents::Printed};
use crate::{
    names::Region,
    ui::{Ui, Verbosity},
};

pub(super) fn show(printed: &Printed, ui: &Ui) {
    for line in described(printed) {
        match line {
            Described::Title(title) => ui.status("Policy", &title),
            Described::Detail(detail) => ui.plain(&detail),
        }
    }
    ui.result(&printed.text);
}

/// Prints a summary without the document. `-v` adds the statements.
pub(super) fn summarize(printed: &Printed, ui: &Ui) {
    let statements = match printed.asked_by.len() {
        1 => "1 statement".to_owned(),
        count => format!("{count} statements"),
    };
    for line in described(printed) {
        match line {
            Described::Title(title) => {
                ui.answer_status("Policy", &format!("{title}, {statements}"));
            }
            Described::Detail(detail) if ui.verbosity() >= Verbosity::Verbose => {
                ui.answer_plain(&detail);
            }
            Described::Detail(_) => {}
        }
    }
}

pub(super) enum Described {
    Title(String),
    Detail(String),
}

/// Describes a document, with the reasons for each statement.
pub(super) fn described(printed: &Printed) -> Vec<Described> {
    let what = match printed.kind {
        Kind::Trust => "trust policy of the execution role",
        Kind::Execution => "execution policy",
        Kind::Boundary => "permissions boundary",
        Kind::Deployer => "policy of the deployer",
        Kind::DeployerNoIam => "policy of a deployer who creates no roles",
    };
    let agents: Vec<String> = printed.agents.iter().map(|a| format!("`{a}`")).collect();
    let regions: Vec<&str> = printed.regions.iter().map(Region::as_str).collect();
    let part = match printed.parts {
        1 => String::new(),
        all => format!(
            ", part {} of {all}, to be attached with the others",
            printed.part
        ),
    };
    let title = format!(
        "{what}{part}: {} in {} ({} characters)",
        agents.join(", "),
        regions.join(", "),
        printed.size
    );
    let width = printed.asked_by.keys().map(String::len).max().unwrap_or(0);
    let statements = printed.asked_by.iter().map(|(sid, by)| {
        let by = by.as_str().unwrap_or_default();
        format!("             {sid:width$}  {by}")
    });
    let attached = printed
        .managed_policies
        .iter()
        .map(|arn| format!("             attached beside it: {arn}"));
    let details = statements.chain(attached).map(Described::Detail);
    [Described::Title(title)]
        .into_iter()
        .chain(details)
        .collect()
}
