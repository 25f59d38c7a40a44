//! Deletes archives from the bucket that no version needs anymore.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::agent::Delivery;
use crate::{
    commands::set_version::history,
    effects::{
        aws::{runtime::Runtimes, store::Store},
        clock,
    },
    engine::runtime::write::Outcome,
    error::{Failure, Message},
    project::sessions::Placed,
    resources::{
        bucket, endpoint,
        runtime::{fields::Artifact, observed::DEFAULT_ENDPOINT},
    },
};

impl Delivery<'_, '_> {
    /// Deletes old archives from the bucket. A failure is only a warning.
    pub(super) async fn prune(&self, outcome: &Outcome) -> Vec<String> {
        match self.try_prune(outcome).await {
            Ok(pruned) => pruned,
            Err(failure) => {
                self.ui.warning(
                    &Message::new("old archives could not be removed from the bucket")
                        .note(failure.to_string()),
                );
                Vec::new()
            }
        }
    }

    async fn try_prune(&self, outcome: &Outcome) -> Result<Vec<String>, Failure> {
        let Placed { agent, session } = self.placed;
        let store = Store::new(session, &agent.project);
        let name = &agent.runtime_name;
        let stored = store.list(&bucket::prefix(name)).await?;
        let mut needed = BTreeSet::from([
            bucket::archive_key(name, &self.archive),
            bucket::dependencies_key(name, &self.archive.dependencies),
        ]);
        let now = clock::seconds();
        if bucket::prunable(name, &stored, &needed, now).is_empty() {
            return Ok(Vec::new());
        }
        needed.extend(self.live_keys(outcome).await?);
        let old = bucket::prunable(name, &stored, &needed, now);
        if !old.is_empty() {
            store.delete(&old).await?;
        }
        Ok(old.into_iter().map(|object| object.key.clone()).collect())
    }

    /// Returns the archives of the versions that endpoints have or would return to, because it is
    /// not documented whether the service keeps a copy for a rollback.
    async fn live_keys(&self, outcome: &Outcome) -> Result<BTreeSet<String>, Failure> {
        let runtimes = Runtimes::new(&self.placed.session);
        let id = &outcome.state.id;
        let (endpoints, versions) =
            tokio::try_join!(runtimes.read_endpoints(id), runtimes.versions(id))?;
        let with_history = endpoints.into_iter().map(async |endpoint| {
            let history = match endpoint.name.as_str() {
                // It always follows the newest version.
                DEFAULT_ENDPOINT => None,
                _ => history(&runtimes, &endpoint).await,
            };
            (endpoint, history.unwrap_or_default())
        });
        let endpoints = join_all(with_history).await;
        let mut keys = BTreeSet::new();
        for version in endpoint::needed(&endpoints, &versions) {
            if let Some(state) = runtimes.read(id, Some(version)).await?
                && let Artifact::Code {
                    object: Some(object),
                    ..
                } = state.fields.artifact
            {
                keys.insert(object.key);
            }
        }
        Ok(keys)
    }
}
