//! Which inference profile serves a region.

use crate::{config::Model, names::Region};

/// The default model, without the geography that its profile's id begins with.
const CLAUDE_SONNET: &str = "anthropic.claude-sonnet-4-6";

/// A current Claude Sonnet, by the profile that fits the region.
pub(crate) fn default_model(region: Option<&Region>) -> Model {
    let geography = region.map_or("global", |region| geography(region.as_str()));
    Model::InferenceProfile {
        geography: geography.to_owned(),
        model: CLAUDE_SONNET.to_owned(),
    }
}

/// Whether a model can be invoked from a region, as far as its id tells.
pub(crate) fn serves(model: &Model, region: &Region) -> bool {
    let Model::InferenceProfile {
        geography: wanted, ..
    } = model
    else {
        return true;
    };
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
        _ => !region.starts_with("us-gov-") && !region.starts_with("cn-"),
    }
}

fn geography(region: &str) -> &'static str {
    match region {
        "ap-northeast-1" | "ap-northeast-3" => "jp",
        "ap-southeast-2" | "ap-southeast-4" => "au",
        _ if region.starts_with("us-gov-") => "us-gov",
        _ if region.starts_with("us-") => "us",
        _ if region.starts_with("eu-") => "eu",
        _ if region.starts_with("ap-") => "apac",
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
            ("ap-south-1", "apac"),
            ("us-gov-west-1", "us-gov"),
            ("sa-east-1", "global"),
        ];
        for (region, geography) in ids {
            let region = Region::parse(region).unwrap();
            let model = default_model(Some(&region));
            assert_eq!(model.id(), format!("{geography}.{CLAUDE_SONNET}"));
            assert!(serves(&model, &region), "{region}");
        }
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
