//! Which region a session is in.

use aws_config::{
    environment::region::EnvironmentVariableRegionProvider, meta::region::ProvideRegion,
    profile::ProfileFileRegionProvider,
};

use super::{Request, credentials::Source};
use crate::{error::Failure, names::Region, text::did_you_mean};

/// The region for `--local` if none is configured.
pub(crate) const LOCAL_REGION: &str = "us-east-1";

/// Returns the session's region.
pub(super) async fn of(request: &Request, source: &Source) -> Result<Region, Failure> {
    let region = as_given(request, source).await?;
    match region.slip() {
        // Without this check, the request would time out.
        Some(meant) => {
            Err(Failure::usage(format!("unknown AWS region `{region}`")).help(did_you_mean(meant)))
        }
        None => Ok(region),
    }
}

async fn as_given(request: &Request, source: &Source) -> Result<Region, Failure> {
    if let Some(region) = &request.region {
        return Ok(region.clone());
    }
    let found = match source {
        Source::Local => {
            return Region::parse(LOCAL_REGION).map_err(|e| Failure::world(e.to_string()));
        }
        Source::Explicit(profile) => profile_region(Some(profile)).await,
        Source::Metadata(profile) => {
            match EnvironmentVariableRegionProvider::new().region().await {
                Some(region) => Some(region),
                None => profile_region(Some(profile)).await,
            }
        }
        Source::Environment(_) | Source::EnvironmentProfile(_) | Source::Chain => {
            configured_region().await
        }
    };
    let Some(found) = found else {
        return Err(Failure::config("no AWS region is configured")
            .note("a region is never guessed, because resources in the wrong one are costly")
            .help(
                "add `region = \"us-west-2\"` to the metadata, pass `--region`, or set AWS_REGION",
            ));
    };
    Region::parse(found.as_ref()).map_err(|error| {
        Failure::config(error.to_string()).note("the region comes from the AWS configuration")
    })
}

/// Returns the region from the environment or the AWS configuration files.
async fn configured_region() -> Option<aws_config::Region> {
    match EnvironmentVariableRegionProvider::new().region().await {
        Some(region) => Some(region),
        None => profile_region(None).await,
    }
}

/// Like [`configured_region`], for commands that open no session.
pub(crate) async fn known_region() -> Option<Region> {
    configured_region()
        .await
        .and_then(|region| Region::parse(region.as_ref()).ok())
}

async fn profile_region(profile: Option<&str>) -> Option<aws_config::Region> {
    let mut provider = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        provider = provider.profile_name(profile);
    }
    provider.build().region().await
}
