//! Shared code of the commands that list something for every agent's runtime: `versions`, `endpoint
//! list`.

use serde_json::{Value, json};

use super::{documents, starting::Opened};
use crate::{
    config::Agent,
    effects::local::Emulator,
    engine::runtime::find::{self, Deployed, Found},
    error::Failure,
    options,
    project::{emulator::Reach, sessions::Placed},
    ui::Ui,
};

#[derive(Debug, clap::Args)]
pub(super) struct Listing {
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: options::Output,
    #[command(flatten)]
    project: options::Project,
    #[command(flatten)]
    aws: options::Aws,
}

/// What is listed for one runtime.
pub(super) struct Part {
    pub(super) lines: Vec<String>,
    /// A JSON object.
    pub(super) fields: Value,
}

/// How a command lists.
pub(super) struct Way<'a, F> {
    /// The fields if nothing is deployed.
    pub(super) nothing: Value,
    pub(super) part: F,
    pub(super) ui: &'a Ui,
}

impl Listing {
    pub(super) async fn run<F>(&self, way: Way<'_, F>) -> Result<(), Failure>
    where
        F: AsyncFn(&Deployed<'_>, &Found) -> Result<Part, Failure>,
    {
        let ui = way.ui;
        let opened = Opened::load(&self.project, &self.aws, ui)?;
        let agents = if opened.is_empty()? {
            let absent = opened.config.agents.iter();
            absent.map(|agent| way.absent(agent)).collect()
        } else {
            let look =
                async |placed: &[Placed<'_>], _: Option<&Emulator>| self.look(&way, placed).await;
            opened.with(Reach::Reads, look).await?
        };
        if self.output == options::Output::Json {
            ui.document(json!({ "agents": agents }));
        }
        Ok(())
    }

    /// Prints the list for each agent and returns the JSON documents.
    async fn look<F>(&self, way: &Way<'_, F>, placed: &[Placed<'_>]) -> Result<Vec<Value>, Failure>
    where
        F: AsyncFn(&Deployed<'_>, &Found) -> Result<Part, Failure>,
    {
        let ui = way.ui;
        let mut documents = Vec::new();
        for deployed in find::observe(placed).await? {
            let agent = deployed.placed.agent;
            let Some(found) = deployed.one()? else {
                ui.note(&format!("the agent `{}` is not deployed", agent.name));
                documents.push(way.absent(agent));
                continue;
            };
            found.say_whose(ui);
            let Part { lines, fields } = (way.part)(&deployed, found).await?;
            if self.output == options::Output::Text {
                if placed.len() > 1 {
                    ui.result(agent.name.as_str());
                }
                for line in &lines {
                    ui.result(line);
                }
            }
            documents.push(documents::of_runtime(deployed.placed, &found.state, fields));
        }
        Ok(documents)
    }
}

impl<F> Way<'_, F> {
    fn absent(&self, agent: &Agent) -> Value {
        documents::absent(agent, self.nothing.clone())
    }
}
