//! What `init` adds to a project: to its manifest, and next to existing files.

mod location;
mod names;
mod taken;

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use toml_edit::{DocumentMut, InlineTable, Item, TableLike};

pub(crate) use self::{
    location::Location,
    names::names,
    taken::{LOCK, Taken, is_project},
};
use crate::{
    config::{Agent, CargoPackage, Manifest, Stage, declared_projects, load},
    error::Failure,
    names::{AgentName, ProjectId},
    scaffold::{Files, Head},
};

/// Where an agent's table goes in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TablePlace {
    pub(crate) head: Head,
    pub(crate) project: ProjectTable,
}

/// Where the project's ID is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProjectTable {
    /// In one of the manifests already.
    Declared,
    /// Next to the agent's table.
    Beside,
    /// In the workspace's manifest, because the agent belongs to a member: with the ID that another
    /// member declares, or a new one.
    InWorkspace(Option<ProjectId>),
}

/// Returns the place in `target`, one of the workspace's manifests. `all` starts with the root's.
///
/// # Errors
/// Fails if members declare different projects, because none of them can be the workspace's.
pub(crate) fn place(target: &Manifest, all: &[Manifest]) -> Result<TablePlace, Failure> {
    let declares = |manifest: &Manifest, head: Head| {
        parsed(manifest).is_some_and(|document| our_table(&document, head).is_some())
    };
    if let Some(head) = [Head::Workspace, Head::Package]
        .into_iter()
        .find(|head| declares(target, *head))
    {
        return Ok(TablePlace {
            head,
            project: ProjectTable::Declared,
        });
    }
    // A member with its own `[workspace]` would no longer be a member.
    let is_workspace = parsed(target).is_none_or(|document| {
        document.contains_key("workspace") || !document.contains_key("package")
    });
    let head = if is_workspace {
        Head::Workspace
    } else {
        Head::Package
    };
    let is_member = all.first().is_some_and(|root| root.path != target.path);
    let project = if all.iter().any(|one| declares(one, Head::Workspace)) {
        ProjectTable::Declared
    } else if is_member {
        ProjectTable::InWorkspace(of_members(all)?)
    } else {
        ProjectTable::Beside
    };
    Ok(TablePlace { head, project })
}

/// Returns the project that members declare for themselves.
fn of_members(all: &[Manifest]) -> Result<Option<ProjectId>, Failure> {
    let mut found: Vec<(ProjectId, PathBuf)> = Vec::new();
    for manifest in all {
        for project in declared_projects(&manifest.text) {
            if found.iter().all(|(known, _)| *known != project) {
                found.push((project, manifest.path.clone()));
            }
        }
    }
    if found.len() < 2 {
        return Ok(found.pop().map(|(project, _)| project));
    }
    Err(different_projects(&found))
}

/// Reports that the packages of one workspace declare different projects.
pub(crate) fn different_projects(found: &[(ProjectId, PathBuf)]) -> Failure {
    let failure = Failure::config("the packages of this workspace declare different projects");
    let failure = found.iter().fold(failure, |failure, (project, path)| {
        failure.note(format!("`{project}` in {}", path.display()))
    });
    failure.help("keep one `project`, in `[workspace.metadata.agentcore]`, and delete the other lines; first run `cargo agentcore clean` for what is deployed under those")
}

/// Returns the agents that the manifests already declare; none is not an error.
pub(crate) fn declared(manifests: &[Manifest]) -> Result<Vec<Agent>, Failure> {
    let packages: Vec<&CargoPackage> = manifests.iter().flat_map(|m| &m.packages).collect();
    let any = manifests.iter().any(|manifest| {
        let Some(document) = parsed(manifest) else {
            return false;
        };
        // A package with a binary is an agent itself.
        let own = packages
            .iter()
            .find(|found| found.manifest == manifest.path);
        let has_binary = own.is_some_and(|package| !package.bins.is_empty());
        [Head::Workspace, Head::Package].into_iter().any(|head| {
            our_table(&document, head).is_some_and(|table| match table.get("agents") {
                Some(agents) => agents
                    .as_table_like()
                    .is_some_and(|agents| !agents.is_empty()),
                None => head == Head::Package && has_binary,
            })
        })
    });
    if any {
        Ok(load(manifests, &Stage::None)?.agents)
    } else {
        Ok(Vec::new())
    }
}

/// Returns the routes of AgentCore's HTTP contract that no text of Rust sources names.
pub(crate) fn missing_routes(texts: &[String]) -> Vec<&'static str> {
    ["/invocations", "/ping"]
        .into_iter()
        .filter(|route| {
            let literal = format!("\"{route}\"");
            !texts.iter().any(|text| text.contains(&literal))
        })
        .collect()
}

/// Refuses a name that an agent of the project already has.
pub(crate) fn check_new(name: &AgentName, declared: &[Agent]) -> Result<(), Failure> {
    let Some(agent) = declared
        .iter()
        .find(|agent| agent.name.as_str().eq_ignore_ascii_case(name.as_str()))
    else {
        return Ok(());
    };
    Err(Failure::config(format!(
        "the metadata already declares an agent `{}`",
        agent.name
    ))
    .note(format!("in {}", agent.dir.join("Cargo.toml").display()))
    .help(
        "`--name` gives this one another name; `cargo agentcore deploy` deploys the existing one",
    ))
}

/// Returns the deployment folder: the default name unless another agent uses it.
pub(crate) fn deployment(root: &Path, name: &AgentName, taken: &BTreeSet<PathBuf>) -> String {
    if taken.contains(&root.join("deployment")) {
        format!("deployment_{name}")
    } else {
        "deployment".to_owned()
    }
}

/// Returns the manifest's text with `table` added: at the end if TOML allows it, so that no
/// existing byte changes.
pub(crate) fn with_table(manifest: &Manifest, table: &str) -> Result<String, Failure> {
    let text = &manifest.text;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let gap = match () {
        () if text.is_empty() || text.ends_with(&end.repeat(2)) => String::new(),
        () if text.ends_with('\n') => end.to_owned(),
        () => end.repeat(2),
    };
    let appended = format!("{text}{gap}{}", table.replace('\n', end));
    if appended.parse::<DocumentMut>().is_ok() {
        return Ok(appended);
    }
    inserted(text, table).ok_or_else(|| {
        Failure::config(format!(
            "the agent's table cannot be added to `{}`, because of the form of its metadata",
            manifest.path.display()
        ))
        .help("write the metadata as a table such as `[workspace.metadata.agentcore]`, and run this again")
    })
}

/// Returns the text of a .gitignore with `lines` at its end, in any encoding.
pub(crate) fn with_lines(there: &[u8], lines: &[String]) -> Vec<u8> {
    let end = if there.windows(2).any(|pair| pair == b"\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let mut whole = there.to_vec();
    if !there.is_empty() && !there.ends_with(b"\n") {
        whole.extend_from_slice(end.as_bytes());
    }
    for line in lines {
        whole.extend_from_slice(line.as_bytes());
        whole.extend_from_slice(end.as_bytes());
    }
    whole
}

/// Adds to metadata in an inline table, which TOML does not allow to be extended later in the file.
fn inserted(text: &str, table: &str) -> Option<String> {
    let mut document = text.parse::<DocumentMut>().ok()?;
    let addition = table.parse::<DocumentMut>().ok()?;
    merge(document.as_table_mut(), addition.as_table())?;
    Some(document.to_string())
}

/// Adds what only `from` has. Returns `None` if both have a value for a key.
fn merge(into: &mut dyn TableLike, from: &dyn TableLike) -> Option<()> {
    for (key, item) in from.iter() {
        match into.get_mut(key) {
            None => {
                let value = item
                    .as_table_like()
                    .map_or_else(|| item.clone(), |table| Item::Value(inline(table).into()));
                into.insert(key, value);
            }
            Some(there) => merge(there.as_table_like_mut()?, item.as_table_like()?)?,
        }
    }
    Some(())
}

fn inline(table: &dyn TableLike) -> InlineTable {
    let mut made = InlineTable::new();
    for (key, item) in table.iter() {
        let value = match item.as_table_like() {
            Some(inner) => Some(inline(inner).into()),
            None => item.as_value().map(|value| {
                let mut value = value.clone();
                // A comment would end the inline table's line.
                value.decor_mut().clear();
                value
            }),
        };
        if let Some(value) = value {
            made.insert(key, value);
        }
    }
    made
}

fn parsed(manifest: &Manifest) -> Option<DocumentMut> {
    manifest.text.parse().ok()
}

fn our_table(document: &DocumentMut, head: Head) -> Option<&dyn TableLike> {
    let metadata = document.get(head.key())?.get("metadata")?;
    metadata.get("agentcore")?.as_table_like()
}

/// Splits the files into those to write, those to replace, and those that exist and are kept.
pub(crate) fn new_and_kept(
    files: Files,
    exists: impl Fn(&Path) -> bool,
    is_replaced: impl Fn(&Path) -> bool,
) -> (Files, Files, Vec<PathBuf>) {
    let (there, new): (Files, Files) = files.into_iter().partition(|(path, _)| exists(path));
    let (replaced, kept): (Files, Files) =
        there.into_iter().partition(|(path, _)| is_replaced(path));
    (new, replaced, kept.into_keys().collect())
}

/// Returns the relative path from one absolute directory to another, with `/`.
pub(crate) fn relative(from: &Path, to: &Path) -> String {
    let from: Vec<Component<'_>> = from.components().collect();
    let to: Vec<Component<'_>> = to.components().collect();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| "..".to_owned());
    let down = to[shared..]
        .iter()
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_routes_of_an_axum_app_are_found() {
        let app = "Router::new().route(\"/invocations\", post(x)).route(\"/ping\", get(y))";
        assert!(missing_routes(&[app.to_owned()]).is_empty());
        let other = "// answers /ping\n.route(\"/invocations\", post(x))";
        assert_eq!(missing_routes(&[other.to_owned()]), ["/ping"]);
        assert_eq!(missing_routes(&[]), ["/invocations", "/ping"]);
    }

    fn manifest(text: &str) -> Manifest {
        Manifest::new("/real/fake/Cargo.toml", text)
    }

    const PROJECT: &str = "[workspace.metadata.agentcore]\nproject = \"a-7k2qpx\"\n";

    #[test]
    fn the_table_goes_where_the_manifest_has_room_for_it() {
        let package = "[package]\nname = \"a\"\n";
        let own = "[package.metadata.agentcore]\nproject = \"b-7k2qpx\"\n";
        let known = ProjectId::parse("b-7k2qpx").unwrap();
        let at_root = |text: &str| place(&manifest(text), &[manifest(text)]).unwrap();
        for (target, head, project) in [
            ("[workspace]\n", Head::Workspace, ProjectTable::Beside),
            (PROJECT, Head::Workspace, ProjectTable::Declared),
            (package, Head::Package, ProjectTable::Beside),
            (
                "[package]\n[workspace]\n",
                Head::Workspace,
                ProjectTable::Beside,
            ),
        ] {
            assert_eq!(at_root(target), TablePlace { head, project }, "{target}");
        }
        let member = |path: &str, text: &str| {
            Manifest::new(
                Path::new("/real/fake").join(path).join("Cargo.toml"),
                text.to_owned(),
            )
        };
        let beside = |target: &str, root: &str, others: &[&str]| {
            let target = member("a", target);
            let mut all = vec![manifest(root), target.clone()];
            all.extend(others.iter().map(|text| member("other", text)));
            place(&target, &all)
        };
        let workspace = "[workspace]\n";
        let in_workspace = |project| ProjectTable::InWorkspace(project);
        for (target, root, others, project) in [
            (package, PROJECT, &[][..], ProjectTable::Declared),
            (own, workspace, &[], ProjectTable::Declared),
            (package, workspace, &[], in_workspace(None)),
            (
                package,
                workspace,
                &[own],
                in_workspace(Some(known.clone())),
            ),
            (package, workspace, &[own, own], in_workspace(Some(known))),
        ] {
            let found = beside(target, root, others).unwrap();
            let head = Head::Package;
            assert_eq!(
                found,
                TablePlace { head, project },
                "{target}{root}{others:?}"
            );
        }
        let other = own.replace("b-7", "c-7");
        let failure = beside(package, workspace, &[own, &other]).unwrap_err();
        assert_eq!(failure.exit, crate::error::Exit::Config);
    }

    #[test]
    fn what_is_there_stays_byte_for_byte() {
        for text in [
            "# first\n[workspace]   # why\nresolver='3'\n\n# last",
            "[workspace]\r\n# CRLF\r\nresolver = \"3\"\r\n",
            "[workspace]\n\n",
        ] {
            let added = with_table(&manifest(text), PROJECT).unwrap();
            assert!(added.starts_with(text));
            assert!(added.parse::<DocumentMut>().is_ok());
            assert_eq!(added.contains("\r\n"), text.contains("\r\n"));
            assert!(!added.replace("\r\n", "").contains('\r'));
        }
    }

    #[test]
    fn lines_are_added_after_what_is_there() {
        let lines = ["/target/".to_owned(), ".env".to_owned()];
        for (there, whole) in [
            ("", "/target/\n.env\n"),
            ("*.pyc\n", "*.pyc\n/target/\n.env\n"),
            ("*.pyc", "*.pyc\n/target/\n.env\n"),
            ("a\r\nb", "a\r\nb\r\n/target/\r\n.env\r\n"),
        ] {
            assert_eq!(with_lines(there.as_bytes(), &lines), whole.as_bytes());
        }
        assert!(with_lines(b"\xff\n", &lines).starts_with(b"\xff\n/target/"));
    }

    #[test]
    fn an_inline_table_takes_the_agent_in() {
        let text =
            "# kept\n[workspace]\nmetadata = { agentcore = { project = \"a-7k2qpx\" } } # too\n";
        let table = "[workspace.metadata.agentcore.agents.b]\nsource = \"b\" # why\n";
        let added = with_table(&manifest(text), table).unwrap();
        assert!(
            added.starts_with("# kept\n") && added.ends_with("# too\n"),
            "{added}"
        );
        let agents = declared(&[manifest(&added)]).unwrap();
        assert_eq!(agents[0].name.as_str(), "b");
    }

    #[test]
    fn the_way_from_the_project_to_the_source() {
        for (from, to, way) in [
            ("/a/b", "/a/b", "."),
            ("/a/b", "/a/b/c", "c"),
            ("/a/b", "/a/agents/x", "../agents/x"),
        ] {
            assert_eq!(relative(Path::new(from), Path::new(to)), way);
        }
    }
}
