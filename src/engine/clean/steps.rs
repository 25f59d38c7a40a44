//! Carries out the deletions in AWS one after the other, and waits for each.

use super::Removal;
use crate::{
    effects::{
        aws::{
            AwsError, Kind, Session,
            ecr::Ecr,
            iam::Iam,
            logs,
            runtime::{Presence, Runtimes},
            s3::S3,
            store::{BucketEnd, Store},
        },
        clock,
    },
    error::Failure,
    names::Region,
    plan::retry,
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
                take_down(
                    &format!("endpoint `{endpoint}` of runtime `{runtime}`"),
                    async || runtimes.delete_endpoint(runtime, endpoint).await,
                    async || runtimes.endpoint_presence(runtime, endpoint).await,
                    ui,
                )
                .await
            }
            CleanStep::DeleteRuntime { region, runtime } => {
                let runtimes = Runtimes::new(self.session(region));
                take_down(
                    &format!("runtime `{runtime}`"),
                    async || runtimes.delete(runtime).await,
                    async || runtimes.presence(runtime).await,
                    ui,
                )
                .await
            }
            CleanStep::DeleteImages {
                region,
                repository,
                digests,
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
                gone(&format!("bucket `{name}`"), look, ui).await
            }
        }
    }

    fn store(&self, region: &Region) -> Store {
        Store::new(self.session(region), &self.agent.project)
    }
}

/// Deletes a resource and waits until it is gone. If an earlier run is already deleting it, only
/// waits, because the service refuses a second deletion.
async fn take_down(
    what: &str,
    delete: impl AsyncFn() -> Result<(), AwsError>,
    look: impl AsyncFn() -> Result<Presence, AwsError>,
    ui: &Ui,
) -> Result<(), Failure> {
    if !look().await?.is_going() {
        match delete().await {
            Err(error) if error.kind == Kind::Conflict && look().await?.is_going() => {}
            other => other?,
        }
    }
    gone(what, look, ui).await
}

/// Waits until a resource is gone, with a status line now and then.
async fn gone<E: Into<Failure>>(
    what: &str,
    look: impl AsyncFn() -> Result<Presence, E>,
    ui: &Ui,
) -> Result<(), Failure> {
    let start = clock::now();
    let mut said = 0;
    for attempt in 1.. {
        let waited = start.elapsed();
        match look().await.map_err(Into::into)? {
            Presence::Gone => return Ok(()),
            Presence::There { status, failure } if status == "DELETE_FAILED" => {
                let failed = Failure::world(format!("{what} could not be deleted"));
                return Err(match failure {
                    Some(reason) => failed.note(reason),
                    None => failed,
                });
            }
            Presence::There { status, .. } if waited > retry::DELETION => {
                return Err(Failure::world(format!(
                    "{what} is still {status} after {} minutes",
                    waited.as_secs() / 60
                )));
            }
            Presence::There { status, .. } => {
                if waited.as_secs() >= said {
                    said = waited.as_secs() + 10;
                    let limit = retry::DELETION.as_secs() / 60;
                    ui.status(
                        "Waiting",
                        &format!(
                            "for {what} to be deleted ({status}, {} s of at most {limit} min)",
                            waited.as_secs()
                        ),
                    );
                }
            }
        }
        clock::sleep(retry::look(attempt, clock::jitter())).await;
    }
    unreachable!("the loop ends by itself")
}
