//! `cargo agentcore new`: creates a project from an embedded template.

mod project;
mod template;

use std::path::{Path, PathBuf};

use self::{
    project::{Named, NewProject},
    template::{list, template},
};
use crate::{
    effects::{clock, env, new_project},
    error::Failure,
    plan::new as plan,
    project::prompts::{self, Choices, Decided},
    scaffold::{self, Context, Language},
    ui::Ui,
};

/// Create an agent project from a template
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory of the new project, which also names it
    #[arg(required_unless_present = "list")]
    path: Option<PathBuf>,
    /// Template to use [default: strands]
    #[arg(short, long, value_name = "NAME")]
    template: Option<String>,
    /// List the templates and exit
    #[arg(long)]
    list: bool,
    /// Agent's name [default: the directory's, with underscores for other characters]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    choices: Choices,
    /// Language of the README [default: Japanese for a Japanese locale, else English]
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    lang: Option<Lang>,
    /// Make a separate project, even inside a cargo workspace
    #[arg(long)]
    standalone: bool,
    /// Version control to initialize [default: git, unless already inside a repository]
    #[arg(long, value_enum, value_name = "VCS")]
    vcs: Option<Vcs>,
    /// Don't prompt; use the options and defaults
    #[arg(short, long)]
    yes: bool,
    /// Show what would be created without creating it
    #[arg(short = 'n', long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Vcs {
    Git,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Lang {
    En,
    Ja,
    Both,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::English,
            Lang::Ja => Self::Japanese,
            Lang::Both => Self::Both,
        }
    }
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    if args.list {
        list(ui);
        return Ok(());
    }
    let given = args
        .path
        .clone()
        .ok_or_else(|| Failure::usage("the path of the new project is missing"))?;
    let path = new_project::absolute(&given)?;
    let title = title(&path, &given)?;
    let (agent, renamed) = plan::agent_name(args.name.as_deref().unwrap_or(&title))?;
    plan::check_destination(&given, new_project::observe(&path)?)?;
    let asking = ui.is_interactive() && !args.yes;
    let (template, named, decided) = ui
        .dialogue(async || {
            let template = template(args.template.as_deref(), asking, ui)?;
            let named = Named::of(template.code, &path, &agent, &args)?;
            let needs = (template.needs_model, template.permissions);
            let region = named.place.region();
            let decided = prompts::decide(&args.choices, needs, region, asking, ui).await?;
            Ok((template, named, decided))
        })
        .await?;
    let Named {
        agent,
        package,
        instead,
        place,
    } = named;
    let names: Vec<String> = renamed.into_iter().chain(instead).collect();
    decided.tell(ui);
    let Decided {
        region,
        model,
        permissions,
    } = decided;
    let context = Context {
        project: plan::project_id(&place.project_name(&agent), clock::random_digits()),
        title,
        agent,
        package,
        region: place.own_region(&region),
        model,
        permissions,
        language: match args.lang {
            Some(lang) => lang.into(),
            None => Language::of_locale(&env::locale().unwrap_or_default()),
        },
        manifest: place.manifest(&path),
        is_apart: place.is_apart(),
    };
    let files = scaffold::render(template, &context).map_err(|error| {
        Failure::world(format!(
            "the template is broken, which is a bug in cargo agentcore: {error}"
        ))
    })?;
    let project = NewProject {
        edits: place.edits(&path, &context, &files, &region)?,
        git: wants_git(args.vcs, &path)?,
        code: template.code,
        path,
        given,
        files,
        place,
    };
    project.place.tell(&project.path, &project.given, ui);
    for said in &names {
        ui.note(said);
    }
    if args.dry_run {
        return project.show(ui);
    }
    ui.status(
        "Creating",
        &format!(
            "agent `{}` in `{}` from template `{}`",
            context.agent,
            project.given.display(),
            template.name
        ),
    );
    project.create(ui)
}

/// Returns the project's title, the name of its folder.
fn title(path: &Path, given: &Path) -> Result<String, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!(
            "`{}` is not a path for a new project",
            given.display()
        ))
        .help("name a directory to create, such as `my-agent`")
    })
}

/// Returns true if the project gets a Git repository. Fails only if one was requested and git is
/// missing.
fn wants_git(given: Option<Vcs>, path: &Path) -> Result<bool, Failure> {
    match given {
        Some(Vcs::None) => Ok(false),
        Some(Vcs::Git) if !new_project::has_git() => Err(Failure::world(
            "`--vcs git` needs git, and it is not on PATH",
        )
        .help("install git, or make the project without a repository: `--vcs none`")),
        Some(Vcs::Git) => Ok(true),
        None => Ok(!new_project::in_repository(path) && new_project::has_git()),
    }
}
