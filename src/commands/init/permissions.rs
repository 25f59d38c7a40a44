//! The permissions that the code of an adopted agent needs.

use super::{
    findings::Findings,
    settings::{AgentSettings, is_wanted},
};
use crate::{
    config::Permission,
    error::Failure,
    plan::code::{At, Filled, Need},
    project::prompts,
    ui::Ui,
};

pub(super) fn decide(
    settings: &mut AgentSettings,
    filled: &Filled,
    findings: &Findings,
    asking: bool,
    ui: &Ui,
) -> Result<(), Failure> {
    for at in &filled.permissions {
        let question = format!(
            "Permission to {}, as {} does",
            at.it.words(),
            findings.place(at)
        );
        if !asking || is_wanted(&question, ui)? {
            settings.permissions.push(at.it.clone());
        }
    }
    for at in &filled.open {
        let answered = if asking {
            completed(at, findings, ui)?
        } else {
            None
        };
        match answered {
            Some(permission) => settings.permissions.push(permission),
            None => settings.open.push(line(at, findings)),
        }
    }
    if asking {
        settings.permissions.extend(prompts::ask_permissions(ui)?);
    }
    Ok(())
}

/// Asks for what the code does not reveal.
fn completed(at: &At<Need>, findings: &Findings, ui: &Ui) -> Result<Option<Permission>, Failure> {
    let read = |text: &str| at.it.on(text).permission();
    let kind = match at.it.placeholder() {
        "NAME" | "BUCKET" => "Name",
        other => other,
    };
    let prompt = format!(
        "{kind} of {} that {} uses (empty: set it later)",
        at.it.what(),
        findings.place(at)
    );
    let answer = ui
        .input(&prompt, "", |text| {
            if text.is_empty() || read(text).is_some() {
                Ok(())
            } else {
                Err(format!("this does not name {}", at.it.what()))
            }
        })
        .map_err(prompts::cut_off)?;
    Ok(read(&answer).filter(|_| !answer.is_empty()))
}

fn line(at: &At<Need>, findings: &Findings) -> String {
    let place = findings.place(at);
    let entry = at.it.entry();
    match (at.it.variables.first(), &at.it.value) {
        (Some(variable), _) => format!("permissions: {entry} ({place}, named by {variable})"),
        (None, Some(value)) => format!("permissions: {entry} ({place}, for {value})"),
        (None, None) => format!("permissions: {entry} ({place})"),
    }
}
