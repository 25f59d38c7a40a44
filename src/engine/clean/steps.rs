//! Carries out deletions one after the other, and waits for each.

use std::collections::BTreeMap;

use crate::{
    effects::aws::{
        Kind, Session,
        code_build::CodeBuild,
        ecr::Ecr,
        iam::Iam,
        logs::Logs,
        runtime::Runtimes,
        s3::S3,
        store::{BucketEnd, Store},
    },
    engine::{
        declared,
        deletion::{delete_endpoint, delete_runtime, gone},
        plan_output::announce,
    },
    error::Failure,
    names::{ProjectId, Region},
    resources::{
        bucket,
        change::Step as _,
        clean::{CleanPlan, CleanStep, ObservedObject, Turn, What},
        role,
        runtime::deletion::DeletionStep,
    },
    ui::Ui,
};

/// A plan, and the sessions that carry it out.
pub(super) struct Lane<'a> {
    pub(super) project: &'a ProjectId,
    pub(super) sessions: &'a BTreeMap<Region, Session>,
    pub(super) plan: &'a CleanPlan,
}

impl Lane<'_> {
    /// Carries out the steps of a turn, in order.
    pub(super) async fn carry_out(&self, turn: Turn, ui: &Ui) -> Result<(), Failure> {
        let steps = self.plan.steps.iter().filter(|step| step.turn == turn);
        for step in steps {
            let change = step.change();
            announce(&change, ui);
            let _work = ui.working(change.action.doing(), &change.object);
            self.step(step, ui).await?;
        }
        Ok(())
    }

    async fn step(&self, step: &CleanStep, ui: &Ui) -> Result<(), Failure> {
        let CleanStep {
            turn: _,
            region,
            what,
        } = step;
        let session = &self.sessions[region];
        match what {
            What::LogGroup(step) => Ok(Logs::new(session).apply(step).await?),
            What::Runtime(DeletionStep::DeleteEndpoint { runtime, endpoint }) => {
                delete_endpoint(&Runtimes::new(session), runtime, endpoint, ui).await
            }
            What::Runtime(DeletionStep::Delete { runtime, region: _ }) => {
                delete_runtime(&Runtimes::new(session), runtime, ui).await
            }
            What::Repository(step) => Ok(Ecr::new(session).apply_deletion(step).await?),
            What::Object(ObservedObject { object, versions }) => {
                Ok(S3::new(session).delete(object, versions).await?)
            }
            What::Bucket(step) => self.bucket(step, session, ui).await,
            What::Builds(step) => Ok(CodeBuild::new(session).delete(step).await?),
            What::Role(step) => self.role(step, session).await,
            What::Declared(part) => declared::delete(session, part, ui).await,
        }
    }

    async fn role(&self, step: &role::DeletionStep, session: &Session) -> Result<(), Failure> {
        let done = Iam::new(session).apply_deletion(step).await;
        done.map_err(|error| {
            let is_denied = error.kind == Kind::Denied;
            let failure = Failure::from(error);
            // The deployer's policy only covers the configured role.
            if is_denied && self.plan.former_roles.contains(step.role()) {
                failure.help(role::by_hand(step.role()))
            } else {
                failure
            }
        })
    }

    /// If objects were added in the meantime, the bucket stays, and the check afterwards reports
    /// them.
    async fn bucket(
        &self,
        step: &bucket::DeletionStep,
        session: &Session,
        ui: &Ui,
    ) -> Result<(), Failure> {
        let store = Store::new(session, self.project);
        match step {
            bucket::DeletionStep::AbortUploads { prefix, .. } => {
                store.abort_uploads(prefix).await?;
                Ok(())
            }
            bucket::DeletionStep::DeleteObjects { objects, .. } => {
                let objects: Vec<_> = objects.iter().collect();
                Ok(store.delete(&objects).await?)
            }
            bucket::DeletionStep::Delete { bucket } => {
                match store.delete_bucket_if_empty().await? {
                    BucketEnd::NotEmpty | BucketEnd::Absent => Ok(()),
                    // Not every part of S3 notices the deletion at once.
                    BucketEnd::Deleted => {
                        let look = async || store.presence().await;
                        gone(&format!("bucket `{bucket}`"), look, ui).await
                    }
                }
            }
        }
    }
}
