//! `new --list`, and the choice of a template.

use crate::{
    error::Failure,
    project::prompts,
    scaffold::{self, Template},
    ui::{Item, Ui},
};

/// Prints one template per line, its name first.
pub(super) fn list(ui: &Ui) {
    let width = scaffold::catalogue()
        .iter()
        .map(|template| template.name.len())
        .max()
        .unwrap_or(0);
    for template in scaffold::catalogue() {
        ui.result(&format!(
            "{:width$}  {}",
            template.name, template.description
        ));
    }
}

/// Returns the given template, the one that the user chooses, or the first.
pub(super) fn template(
    given: Option<&str>,
    asking: bool,
    ui: &Ui,
) -> Result<&'static Template, Failure> {
    if let Some(name) = given {
        return scaffold::find(name)
            .map_err(|what| Failure::usage(what).help("`cargo agentcore new --list` shows them"));
    }
    let all = scaffold::catalogue();
    if !asking {
        return Ok(&all[0]);
    }
    let items: Vec<Item> = all
        .iter()
        .map(|template| Item::new(template.name, template.description))
        .collect();
    let chosen = ui.choose("Template", &items).map_err(prompts::cut_off)?;
    Ok(&all[chosen])
}
