//! Entry points that import a package by the agent's name, although the package is named
//! differently.

use std::path::Path;

use super::{
    code::{self, Import, When, Word},
    syntax,
};
use crate::error::{Message, Snippet};

/// Returns the message for an import of `agent` if its package is called `package`.
pub(crate) fn message(agent: &str, package: &str) -> Message {
    Message::new(format!(
        "the entry point imports `{agent}`, and the agent's package is called `{package}`"
    ))
    .note("a package has the name of its source folder, unless `import-name` gives it another one")
    .help(format!(
        "add `import-name = \"{agent}\"` to `[…agentcore.agents.{agent}]` in Cargo.toml, or import `{package}` here"
    ))
}

/// Finds the entry point's import of the agent by its name if its package is named differently.
pub(crate) fn renamed(
    agent: &str,
    package: Option<&str>,
    (file, text): (&Path, &str),
) -> Option<Message> {
    let package = package.filter(|package| *package != agent)?;
    let tree = syntax::tree(text);
    let imports = code::read(tree.root_node(), text).sites.into_iter();
    let at_start = imports.filter(|site| matches!(site.when, When::AtStart | When::AsScript));
    let mut first = at_start.filter_map(|site| first_word(site.import));
    let word = first.find(|word| word.text == agent)?;
    Some(message(agent, package).at(Snippet {
        file: file.to_owned(),
        text: text.to_owned(),
        span: word.span,
        label: String::new(),
    }))
}

fn first_word(import: Import) -> Option<Word> {
    match import {
        Import::Module(words)
        | Import::From {
            level: 0,
            dots: _,
            module: words,
            names: _,
            is_star: _,
        } => words.into_iter().next(),
        Import::From {
            level: _,
            dots: _,
            module: _,
            names: _,
            is_star: _,
        } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_import_of_the_agents_name_is_told() {
        let told = |package| {
            let text = "import os\nfrom shop.agent import answer\nimport other\n";
            renamed("shop", package, (Path::new("invoke.py"), text)).map(|message| {
                let at = message.at.unwrap();
                (at.text[at.span].to_owned(), message.help[0].clone())
            })
        };
        let (place, help) = told(Some("store")).unwrap();
        assert_eq!(place, "shop");
        assert!(
            help.starts_with("add `import-name = \"shop\"` to"),
            "{help}"
        );
        assert_eq!(told(Some("shop")), None);
        assert_eq!(told(None), None);
        let text = "def later():\n    import shop\n";
        assert_eq!(
            renamed("shop", Some("store"), (Path::new("invoke.py"), text)),
            None
        );
    }
}
