//! The repository for an agent's images: observes, plans and prepares it.

use crate::{
    effects::aws::ecr::Ecr,
    engine::plan_output::announce,
    error::Failure,
    names::image_uri::ImageUri,
    project::sessions::Placed,
    resources::{
        change::Step as _,
        ownership::Identity,
        repository::{self, DesiredRepository, RepositoryStep, worth_saying},
        runtime::fields::Artifact,
    },
    ui::Ui,
};

/// How often the repository is changed and read back at most.
const ROUNDS: u32 = 3;

/// Returns the name of the agent's repository.
pub(crate) fn name(placed: &Placed<'_>) -> String {
    repository::name(&placed.agent.project, &placed.agent.runtime_name)
}

/// Returns the image that a runtime runs from if another repository has it.
pub(crate) fn existing(placed: &Placed<'_>, artifact: &Artifact) -> Option<ImageUri> {
    let Artifact::Container { uri } = artifact else {
        return None;
    };
    let image = ImageUri::parse(uri).ok()?;
    let is_own = image
        .private()
        .is_some_and(|private| private.repository == name(placed));
    (!is_own).then_some(image)
}

/// Returns the steps that prepare the repository.
pub(crate) async fn steps(placed: &Placed<'_>) -> Result<Vec<RepositoryStep>, Failure> {
    let Placed { agent, session } = placed;
    let desired = DesiredRepository {
        name: name(placed),
        identity: Identity::of(agent),
        tags: agent.tags.clone(),
    };
    let observed = Ecr::new(session).repository(&desired.name).await?;
    Ok(repository::plan(&desired, observed.as_ref())?)
}

/// Carries out the planned steps and reports them. Reads the repository back, because another run or
/// project may create one with the same name at the same time.
pub(crate) async fn prepare(
    placed: &Placed<'_>,
    planned: &[RepositoryStep],
    ui: &Ui,
) -> Result<(), Failure> {
    let ecr = Ecr::new(&placed.session);
    let mut left = planned.to_vec();
    for _ in 0..ROUNDS {
        if left.is_empty() {
            return Ok(());
        }
        let said = worth_saying(&left).len();
        for (at, step) in left.iter().enumerate() {
            if at < said {
                announce(&step.change(), ui);
            }
            ecr.change(step).await?;
        }
        left = steps(placed).await?;
    }
    Err(Failure::world(format!(
        "the repository `{}` does not keep its changes",
        name(placed)
    ))
    .help("look for another run or a policy that changes the same repository, then run this again"))
}
