//! Carries out the deletions in AWS one after the other, and waits for each.

use super::Removal;
use crate::{
    effects::aws::{
        Kind, Session,
        ecr::Ecr,
        iam::Iam,
        logs,
        runtime::{Presence, Runtimes},
        s3::S3,
        store::{BucketEnd, Store},
    },
    engine::deletion,
    error::Failure,
    names::Region,
    resources::clean::{self, CleanStep, RoleRemoval},
    ui::Ui,
};

impl Removal<'_> {
    pub(crate) async fn step(&self, step: &CleanStep, ui: &Ui) -> Result<(), Failure> {
        match step {
            CleanStep::TagLogGroup {
                region,
                name,
                arn,
                tags,
            } => Ok(logs::Logs::new(self.session(region))
                .tag(name, arn, tags)
                .await?),
            CleanStep::DeleteEndpoint {
                region,
                runtime,
                endpoint,
            } => {
                let runtimes = Runtimes::new(self.session(region));
                deletion::delete_endpoint(&runtimes, runtime, endpoint, ui).await
            }
            CleanStep::DeleteRuntime { region, runtime } => {
                let runtimes = Runtimes::new(self.session(region));
                deletion::delete_runtime(&runtimes, runtime, ui).await
            }
            CleanStep::DeleteImages {
                region,
                repository,
                digests,
                images: _,
            } => Ok(Ecr::new(self.session(region))
                .delete_images(repository, digests)
                .await?),
            CleanStep::DeleteRepository { region, repository } => {
                Ok(Ecr::new(self.session(region)).delete(repository).await?)
            }
            CleanStep::DeleteObject {
                region,
                object,
                versions,
            } => Ok(S3::new(self.session(region))
                .delete(object, versions)
                .await?),
            CleanStep::AbortUploads { region, prefix, .. } => {
                self.store(region).abort_uploads(prefix).await?;
                Ok(())
            }
            CleanStep::DeleteArchives {
                region, objects, ..
            } => {
                let objects: Vec<_> = objects.iter().collect();
                Ok(self.store(region).delete(&objects).await?)
            }
            CleanStep::DeleteBucket { region, bucket } => self.bucket(region, bucket, ui).await,
            CleanStep::DeleteLogGroup { region, name } => {
                Ok(logs::Logs::new(self.session(region)).delete(name).await?)
            }
            CleanStep::Role(removal) => self.role(removal).await,
        }
    }

    async fn role(&self, removal: &RoleRemoval) -> Result<(), Failure> {
        let session = self
            .sessions
            .values()
            .next()
            .expect("at least one region is cleaned");
        let done = Iam::new(session).take_away(removal).await;
        done.map_err(|error| {
            let is_denied = error.kind == Kind::Denied;
            let failure = Failure::from(error);
            // The deployer's policy only covers the configured role.
            if is_denied && self.plan.former_roles.contains(removal.role()) {
                failure.help(clean::by_hand(removal.role()))
            } else {
                failure
            }
        })
    }

    fn session(&self, region: &Region) -> &Session {
        &self.sessions[region]
    }

    /// Deletes the bucket. If objects were added in the meantime, the check afterwards reports
    /// them.
    async fn bucket(&self, region: &Region, name: &str, ui: &Ui) -> Result<(), Failure> {
        let store = self.store(region);
        match store.delete_bucket_if_empty().await? {
            BucketEnd::NotEmpty | BucketEnd::Absent => Ok(()),
            // Not every part of S3 notices the deletion at once.
            BucketEnd::Deleted => {
                let look = async || -> Result<Presence, Failure> {
                    Ok(if store.exists().await? {
                        Presence::There {
                            status: "DELETING".to_owned(),
                            failure: None,
                        }
                    } else {
                        Presence::Gone
                    })
                };
                deletion::gone(&format!("bucket `{name}`"), look, ui).await
            }
        }
    }

    fn store(&self, region: &Region) -> Store {
        Store::new(self.session(region), &self.agent.project)
    }
}
