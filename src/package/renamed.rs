//! Entry points from when an agent's package had the agent's name.

use std::path::Path;

use super::imports;
use crate::error::{Message, Snippet};

/// Says which line is missing in Cargo.toml where the entry point imports the agent's name, and nothing in
/// the archive has that name. `shipped` are the names at the archive's root.
pub(crate) fn renamed<'a>(
    agent: &str,
    package: Option<&str>,
    (file, text): (&Path, &str),
    shipped: impl Iterator<Item = &'a str>,
) -> Option<Message> {
    let package = package.filter(|package| *package != agent)?;
    let missing = imports::missing(text, shipped);
    let (span, _) = missing.into_iter().find(|(_, name)| name == agent)?;
    let what =
        format!("the entry point imports `{agent}`, and the agent's package is called `{package}`");
    let message = Message::new(what)
        .at(Snippet {
            file: file.to_owned(),
            text: text.to_owned(),
            span,
            label: String::new(),
        })
        .note("a package has the name of its source folder, unless `import-name` gives it another one")
        .help(format!(
            "add `import-name = \"{agent}\"` to `[…agentcore.agents.{agent}]` in Cargo.toml, or import `{package}` here"
        ));
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_import_of_the_agents_name_that_nothing_brings_is_told() {
        let told = |package, shipped: &[&str]| {
            let text = "import os\nfrom shop.agent import answer\nimport other\n";
            let entry = (Path::new("invoke.py"), text);
            let shipped = shipped.iter().copied();
            renamed("shop", package, entry, shipped).map(|message| {
                let at = message.at.unwrap();
                (at.text[at.span].to_owned(), message.help[0].clone())
            })
        };
        let (place, help) = told(Some("store"), &["store", "invoke.py"]).unwrap();
        assert_eq!(place, "shop");
        assert!(
            help.starts_with("add `import-name = \"shop\"` to"),
            "{help}"
        );
        assert_eq!(told(Some("store"), &["store", "shop"]), None);
        assert_eq!(told(Some("store"), &["store", "shop.py"]), None);
        assert_eq!(told(Some("shop"), &[]), None);
        assert_eq!(told(None, &[]), None);
    }
}
