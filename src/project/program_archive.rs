//! Builds the archive of a Rust agent for every command that needs one.

use crate::{
    config::Agent,
    effects::{
        self, files,
        folder::Folder,
        manifest::Project,
        packaging::{Built, write_program},
    },
    error::Failure,
    package::program,
    project::{
        building::For,
        imaging::{self, How},
        sbom::{self, Sbom},
    },
    system::System,
    text::byte_size,
    ui::Ui,
};

/// Builds the agent's program unless one is given, and the archive with it in the folder `output`.
/// There is no bill of materials for a program that was built elsewhere, or for this machine.
pub(crate) async fn build(
    agent: &Agent,
    project: &Project,
    (purpose, output): (For, &Folder),
    how: How<'_>,
    ui: &Ui,
) -> Result<(Built, Option<Sbom>), Failure> {
    if purpose == For::ThisMachine && System::HERE.is_windows() {
        return Err(Failure::config(format!(
            "the agent `{}` is a program in an archive, which does not run on Windows",
            agent.name
        ))
        .help("`cargo agentcore dev` runs it, and so does `--local` with `artifact = \"image\"`"));
    }
    let (path, packages) = imaging::program(agent, project, purpose, how, ui).await?;
    ui.detail("Packaging", &format!("agent `{}`", agent.name));
    let (name, place) = (agent.name.clone(), output.clone());
    let origin = how.image.origin();
    let (built, size) = effects::runtime::aside(
        move |_: &(dyn Fn(()) + Sync)| -> Result<(Built, u64), Failure> {
            let program = files::read_bytes(&path)?;
            if purpose == For::Service {
                imaging::check(&path.display().to_string(), &program, ("archive", origin))?;
            }
            let size = program.len() as u64;
            let built = write_program(&place, program::files(&name, program))?;
            Ok((built, size))
        },
        |()| {},
    )
    .await?;
    ui.status(
        "Packaged",
        &format!(
            "`{}`: archive of {} with a program of {}",
            agent.name,
            byte_size(built.archive.size),
            byte_size(size),
        ),
    );
    let sbom = (!packages.is_empty()).then(|| sbom::of_rust(agent, &packages, output));
    Ok((built, sbom.transpose()?))
}
