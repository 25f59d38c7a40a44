//! A document as text: whole, or summed up for a terminal.

use super::{Kind, printed::Printed};
use crate::{
    names::Region,
    text::counted,
    ui::{Ui, Verbosity},
};

pub(super) fn show(printed: &Printed, ui: &Ui) {
    let Description {
        kind,
        rest,
        details,
    } = described(printed);
    ui.status(kind, &rest);
    for detail in details {
        ui.plain(&detail);
    }
    ui.result(&printed.text);
}

/// Prints a summary without the document. `-v` adds the statements.
pub(super) fn summarize(printed: &Printed, ui: &Ui) {
    let Description {
        kind,
        rest,
        details,
    } = described(printed);
    let statements = counted(printed.asked_by.len(), "statement");
    ui.answer_status(kind, &format!("{rest}, {statements}"));
    if ui.verbosity() >= Verbosity::Verbose {
        for detail in details {
            ui.answer_plain(&detail);
        }
    }
}

/// What the messages tell about a document.
struct Description {
    /// The first word of the title, in the column of status lines.
    kind: &'static str,
    rest: String,
    /// The reason for each statement, and what is attached beside the document.
    details: Vec<String>,
}

fn described(printed: &Printed) -> Description {
    let (kind, what) = match printed.kind {
        Kind::Trust => ("Trust", "policy of the execution role"),
        Kind::Execution => ("Execution", "policy"),
        Kind::Boundary => ("Boundary", "for the permissions of the roles"),
        Kind::Deployer => ("Deployer", "policy"),
        Kind::DeployerNoIam => ("Deployer", "policy without the right to create roles"),
    };
    let what = match &printed.role {
        Some(role) => format!("{what} of the role `{role}`"),
        None => what.to_owned(),
    };
    let agents: Vec<String> = printed.agents.iter().map(|a| format!("`{a}`")).collect();
    let regions: Vec<&str> = printed.regions.iter().map(Region::as_str).collect();
    let part = match printed.parts {
        1 => String::new(),
        all => format!(", part {} of {all} (attach all parts)", printed.part),
    };
    let rest = format!(
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
    Description {
        kind,
        rest,
        details: statements.chain(attached).collect(),
    }
}
