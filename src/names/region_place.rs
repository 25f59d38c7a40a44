//! The regions' locations.

use super::Region;

/// The regions that run agents, and their locations. AWS adds regions, so this is only a list to
/// choose from, not a reason to refuse others.
const PLACES: [(&str, &str); 22] = [
    ("us-east-1", "US East (N. Virginia)"),
    ("us-east-2", "US East (Ohio)"),
    ("us-west-1", "US West (N. California)"),
    ("us-west-2", "US West (Oregon)"),
    ("ca-central-1", "Canada (Central)"),
    ("sa-east-1", "South America (São Paulo)"),
    ("eu-central-1", "Europe (Frankfurt)"),
    ("eu-west-1", "Europe (Ireland)"),
    ("eu-west-2", "Europe (London)"),
    ("eu-west-3", "Europe (Paris)"),
    ("eu-south-1", "Europe (Milan)"),
    ("eu-south-2", "Europe (Spain)"),
    ("eu-north-1", "Europe (Stockholm)"),
    ("ap-south-1", "Asia Pacific (Mumbai)"),
    ("ap-south-2", "Asia Pacific (Hyderabad)"),
    ("ap-southeast-1", "Asia Pacific (Singapore)"),
    ("ap-southeast-2", "Asia Pacific (Sydney)"),
    ("ap-southeast-5", "Asia Pacific (Malaysia)"),
    ("ap-southeast-7", "Asia Pacific (Thailand)"),
    ("ap-northeast-1", "Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "Asia Pacific (Seoul)"),
    ("us-gov-west-1", "AWS GovCloud (US-West)"),
];

impl Region {
    /// Returns the codes of the regions that run agents, with their locations.
    pub(crate) fn offered() -> impl Iterator<Item = (&'static str, &'static str)> {
        PLACES.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::REGIONS, PLACES};

    #[test]
    fn every_region_with_a_place_is_known() {
        for (code, _) in PLACES {
            assert!(REGIONS.contains(&code), "{code}");
        }
    }
}
