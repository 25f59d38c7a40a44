//! Chooses the inference profile for a region.

use crate::{
    config::Model,
    names::{Partition, Region},
};

/// The default model, without the geography at the beginning of its profile's ID.
const CLAUDE_SONNET: &str = "anthropic.claude-sonnet-4-6";
/// The previous one, which is the newest with a profile in GovCloud.
const CLAUDE_SONNET_OF_GOVCLOUD: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";
/// The European Sovereign Cloud has neither Claude nor profiles.
const NOVA_PRO: &str = "amazon.nova-pro-v1:0";

/// Returns a current Claude Sonnet with the profile for the region.
pub(crate) fn default_model(region: Option<&Region>) -> Model {
    if region.is_some_and(|region| region.partition() == Partition::AwsEusc) {
        return Model::Foundation(NOVA_PRO.to_owned());
    }
    let geography = region.map_or("global", |region| geography(region.as_str()));
    Model::InferenceProfile {
        geography: geography.to_owned(),
        model: match geography {
            "us-gov" => CLAUDE_SONNET_OF_GOVCLOUD.to_owned(),
            _ => CLAUDE_SONNET.to_owned(),
        },
    }
}

/// Returns whether a model can be invoked from a region, judging by its ID.
pub(crate) fn serves(model: &Model, region: &Region) -> bool {
    if !region.partition().has_bedrock() {
        return false;
    }
    let Model::InferenceProfile {
        geography: wanted, ..
    } = model
    else {
        return true;
    };
    let of_region = region.partition();
    let region = region.as_str();
    match wanted.as_str() {
        "us" => {
            region.starts_with("us-") && !region.starts_with("us-gov-") || region.starts_with("ca-")
        }
        "us-gov" => region.starts_with("us-gov-"),
        "eu" => region.starts_with("eu-"),
        "apac" => region.starts_with("ap-"),
        "jp" | "au" => geography(region) == wanted,
        // `global`
        _ => of_region == Partition::Aws,
    }
}

/// Returns the geography of the default model's profile for a region. There is none for all of Asia
/// Pacific, so regions outside Japan and Australia use the global one.
fn geography(region: &str) -> &'static str {
    match region {
        "ap-northeast-1" | "ap-northeast-3" => "jp",
        "ap-southeast-2" | "ap-southeast-4" => "au",
        _ if region.starts_with("us-gov-") => "us-gov",
        _ if region.starts_with("us-") => "us",
        _ if region.starts_with("eu-") => "eu",
        _ => "global",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_model_fits_every_region_and_is_global_where_none_is_known() {
        let ids = [
            ("us-west-2", "us"),
            ("eu-central-1", "eu"),
            ("ap-northeast-1", "jp"),
            ("ap-southeast-2", "au"),
            ("ap-south-1", "global"),
            ("ap-southeast-1", "global"),
            ("sa-east-1", "global"),
        ];
        for (region, geography) in ids {
            let region = Region::parse(region).unwrap();
            let model = default_model(Some(&region));
            assert_eq!(model.id(), format!("{geography}.{CLAUDE_SONNET}"));
            assert!(serves(&model, &region), "{region}");
        }
        let sovereign = Region::parse("eusc-de-east-1").unwrap();
        let model = default_model(Some(&sovereign));
        assert_eq!(model.id(), NOVA_PRO);
        assert!(serves(&model, &sovereign));
        assert!(!serves(&default_model(None), &sovereign));
        let china = Region::parse("cn-north-1").unwrap();
        assert!(!serves(&model, &china), "Bedrock is not there");
        let gov = Region::parse("us-gov-west-1").unwrap();
        assert_eq!(
            default_model(Some(&gov)).id(),
            format!("us-gov.{CLAUDE_SONNET_OF_GOVCLOUD}")
        );
        assert!(serves(&default_model(Some(&gov)), &gov));
        assert!(default_model(None).id().starts_with("global."));
    }

    #[test]
    fn a_profile_of_another_geography_does_not_serve() {
        let region = Region::parse("eu-west-1").unwrap();
        for (id, serves_it) in [
            ("us.x.y", false),
            ("eu.x.y", true),
            ("global.x.y", true),
            ("x.y", true),
            ("jp.x.y", false),
        ] {
            assert_eq!(
                serves(&Model::parse(id).unwrap(), &region),
                serves_it,
                "{id}"
            );
        }
    }
}
