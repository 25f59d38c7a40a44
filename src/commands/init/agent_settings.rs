//! Decides the settings of an adopted agent, from options, its code and prompts.

use std::collections::BTreeMap;

use super::{
    findings::Findings,
    permissions,
    settings::{AgentSettings, SettingsOptions, is_wanted},
};
use crate::{
    config::Model,
    error::Failure,
    plan::code::{Filled, model_in},
    project::prompts,
    ui::Ui,
};

pub(super) fn decide(
    options: &SettingsOptions,
    findings: &Findings,
    asking: bool,
    ui: &Ui,
) -> Result<AgentSettings, Failure> {
    let mut env = BTreeMap::new();
    let all = findings.filled(&env);
    findings.tell(&all, ui);
    env.extend(docker_variables(findings, asking, ui)?);
    if asking {
        for at in findings.filled(&env).variables {
            let prompt = format!(
                "Value of the variable `{}`, which {} reads (empty: set it later)",
                at.it,
                findings.place(&at)
            );
            let value = ui
                .input(&prompt, "", |_| Ok(()))
                .map_err(prompts::cut_off)?;
            if !value.is_empty() {
                env.insert(at.it, value);
            }
        }
    }
    let filled = findings.filled(&env);
    let models = models(options, &filled, &env, asking, ui)?;
    let mut settings = AgentSettings {
        lacks_models: models.is_empty() && findings.uses_models(),
        models,
        headers: headers(&filled, findings, asking, ui)?,
        ..AgentSettings::default()
    };
    if options.permission.is_empty() {
        permissions::decide(&mut settings, &filled, findings, asking, ui)?;
    } else {
        settings.permissions.clone_from(&options.permission);
    }
    settings.permissions.sort();
    settings.permissions.dedup();
    for at in &filled.variables {
        let line = format!("env: {} = \"\" ({})", at.it, findings.place(at));
        settings.open.push(line);
    }
    for at in &filled.secrets {
        settings.open.push(format!(
            "{} ({}): a secret belongs in AWS Secrets Manager, with {{ secret = \"ARN\" }} in permissions",
            at.it,
            findings.place(at)
        ));
    }
    for line in &mut settings.open {
        // A file name may contain characters that would end the comment.
        *line = line.replace(char::is_control, "?");
    }
    settings.env = env;
    Ok(settings)
}

fn docker_variables(
    findings: &Findings,
    asking: bool,
    ui: &Ui,
) -> Result<Vec<(String, String)>, Failure> {
    /// The size limit for an agent's settings.
    const MOST: usize = 1024;
    let found = findings.docker().map(|(variable, _)| variable);
    let found: Vec<_> = found
        .map(|variable| (variable.name.clone(), variable.value.clone()))
        .collect();
    let size: usize = found
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if found.is_empty() || size > MOST {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let question = format!("Variables of the Dockerfile: {}", names.join(", "));
    let wanted = !asking || is_wanted(&question, ui)?;
    Ok(if wanted { found } else { Vec::new() })
}

fn models(
    options: &SettingsOptions,
    filled: &Filled,
    env: &BTreeMap<String, String>,
    asking: bool,
    ui: &Ui,
) -> Result<Vec<Model>, Failure> {
    let mut models = options.model.clone();
    if models.is_empty() {
        models.extend(filled.models.iter().map(|at| at.it.clone()));
        models.extend(env.values().filter_map(|value| model_in(value)));
        if asking {
            models = ask_models(&models, ui)?;
        }
    }
    models.sort();
    models.dedup();
    Ok(models)
}

fn ask_models(found: &[Model], ui: &Ui) -> Result<Vec<Model>, Failure> {
    const NONE: &str = "none";
    let split = |text: &str| -> Result<Vec<Model>, String> {
        text.split([',', ' '])
            .filter(|word| !word.is_empty() && *word != NONE)
            .map(|word| {
                let model = prompts::model(word)?;
                match model.doubt() {
                    Some((what, help)) => Err(format!("{what}: {help}")),
                    None => Ok(model),
                }
            })
            .collect()
    };
    let found: Vec<String> = found.iter().map(Model::id).collect();
    let prompt = if found.is_empty() {
        "Bedrock models that the agent invokes (empty: none)"
    } else {
        "Bedrock models that the agent invokes, or `none`"
    };
    let answer = ui
        .input(prompt, &found.join(", "), |text| split(text).map(|_| ()))
        .map_err(prompts::cut_off)?;
    Ok(split(&answer).unwrap_or_default())
}

fn headers(
    filled: &Filled,
    findings: &Findings,
    asking: bool,
    ui: &Ui,
) -> Result<Vec<String>, Failure> {
    let mut headers = Vec::new();
    for at in &filled.headers {
        let question = format!(
            "Pass on the header `{}`, which {} reads",
            at.it,
            findings.place(at)
        );
        if !asking || is_wanted(&question, ui)? {
            headers.push(at.it.clone());
        }
    }
    Ok(headers)
}
