//! `deploy --dry-run` and `--check`: shows the plan, from what a real run would decide and build.

use super::{Deploy, Work, agent, report, tracing};
use crate::{
    effects::{folder::Folder, staging},
    engine::{artifact::archive, declared::DeclaredWork, plan_output::Planned, role, runtime::own},
    error::{Exit, Failure},
    options,
};

impl<'a> Deploy<'a> {
    /// Prints the plan, in words such as "Would create".
    pub(super) async fn show(
        &self,
        work: &[Work<'a>],
        resources: &DeclaredWork<'_>,
        mut failures: Vec<Failure>,
    ) -> Result<(), Failure> {
        let lines = Planned::alone(self.args.output, self.ui);
        resources.show(lines);
        let mut changes = self.args.enable_tracing && tracing::show(work, lines, self.ui).await;
        changes |= resources.changes();
        let mut documents = Vec::new();
        for work in work {
            match self.show_one(work).await {
                Ok((document, changed)) => {
                    documents.push(document);
                    changes |= changed;
                }
                Err(failure) => failures.push(failure),
            }
        }
        if self.args.output == options::Output::Json {
            self.ui
                .document(report::plan_document(&documents, &resources.values()));
        }
        if let Some(failure) = Failure::all(failures) {
            return Err(failure);
        }
        if changes && self.args.applying.check {
            return Err(Failure::silent(Exit::Findings));
        }
        Ok(())
    }

    async fn show_one(&self, work: &Work<'a>) -> Result<(serde_json::Value, bool), Failure> {
        let directory = staging::empty()?;
        // What a real run would build, outside of the project.
        let output = Folder::private(directory.path().to_owned()).join("built");
        let shipment = self.pack(work.placed, work.own.as_ref(), output).await?;
        let tags = archive::bucket_tags(self.placed, &own::own_bucket(work.placed));
        let foreseeing = agent::foresee(work, &shipment, &tags, self.ui);
        let foreseen = Box::pin(foreseeing).await?;
        let lines = Planned::alone(self.args.output, self.ui);
        role::show_steps(work.role.steps(), lines);
        Ok(report::show(work, &foreseen, lines, self.ui.verbosity()))
    }
}
