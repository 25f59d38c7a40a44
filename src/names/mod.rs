//! Names with a format, parsed once where they enter the program.
//!
//! Each type holds a value that was checked against the rule of the service that defines it. The
//! rest of the crate passes these types around and never checks again. This module uses nothing of
//! the crate but `text`.

pub(crate) mod distribution;
pub mod header;
pub mod image_reference;
pub mod image_uri;
pub(crate) mod ours;
mod partition;
mod region_place;

use std::fmt;

use serde::Serialize;

pub use partition::Partition;

use crate::text::did_you_mean;

/// Why a text is not a name of its kind: the text and the rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} `{given}`: expected {rule}")]
pub struct NameError {
    pub kind: &'static str,
    pub given: String,
    pub rule: &'static str,
}

impl NameError {
    /// Returns the rule alone, for a message that already quotes the text.
    fn expectation(&self) -> String {
        format!("expected {}", self.rule)
    }
}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks `text` against the rule of this kind of name.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { kind: $kind, given: text.to_owned(), rule: $rule })
                }
            }

            /// Like `parse`, for an option's value, which clap quotes itself.
            pub fn from_option(text: &str) -> Result<Self, String> {
                Self::parse(text).map_err(|error| error.expectation())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of an agent in the manifest.
    AgentName,
    "agent name",
    "a letter, then up to 47 letters, digits and underscores",
    is_runtime_name
);

name!(
    /// The name of an agent runtime: the agent's name, or `<agent>_<stage>` with a stage.
    RuntimeName,
    "runtime name",
    "a letter, then up to 47 letters, digits and underscores",
    is_runtime_name
);

name!(
    /// The name of a declared resource, such as a memory: in the manifest, and in AWS with the stage.
    ResourceName,
    "resource name",
    "a letter, then up to 47 letters, digits and underscores",
    is_runtime_name
);

name!(
    /// A stage in the manifest, such as `prod`.
    StageName,
    "stage name",
    "a lowercase letter, then up to 15 lowercase letters, digits and underscores",
    |text| {
        starts(text, u8::is_ascii_lowercase)
            && text.len() <= 16
            && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
    }
);

name!(
    /// A project's identity, which is part of every tag that this tool sets.
    ProjectId,
    "project identity",
    "a letter or digit, then up to 127 letters, digits, hyphens, underscores and dots",
    |text| {
        starts(text, u8::is_ascii_alphanumeric)
            && text.len() <= 128
            && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
    }
);

name!(
    /// An IAM role's name, without its path.
    RoleName,
    "role name",
    "1 to 64 letters, digits and `_+=,.@-`",
    |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"_+=,.@-".contains(&c))
    }
);

name!(
    /// An IAM path, such as `/agents/`.
    IamPath,
    "IAM path",
    "`/`, or up to 512 printable ASCII characters that begin and end with `/`, without `*`, `?` and `${`",
    |text| {
        text == "/"
            || (text.len() <= 512
                && text.len() > 2
                && text.starts_with('/')
                && text.ends_with('/')
                && is_literal(text))
    }
);

name!(
    /// A twelve-digit AWS account number.
    AccountId,
    "account ID",
    "twelve digits",
    |text| text.len() == 12 && text.bytes().all(|c| c.is_ascii_digit())
);

name!(
    /// An AWS region's code. Only the shape is checked, because AWS keeps opening regions.
    Region,
    "region",
    "a code such as `us-west-2`",
    |text| {
        let parts: Vec<&str> = text.split('-').collect();
        (3..=5).contains(&parts.len())
            && parts.iter().all(|part| {
                !part.is_empty() && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            })
            && starts(text, u8::is_ascii_lowercase)
            && parts.last().is_some_and(|last| last.bytes().all(|c| c.is_ascii_digit()))
    }
);

name!(
    /// An endpoint of a runtime. Every runtime has an endpoint `DEFAULT`.
    EndpointName,
    "endpoint name",
    "a letter, then up to 47 letters, digits and underscores",
    is_runtime_name
);

name!(
    /// A session of a runtime. The service runs one microVM for each session.
    SessionId,
    "session ID",
    "33 to 100 letters, digits, `-` and `_`, starting with a letter or digit",
    |text| {
        starts(text, u8::is_ascii_alphanumeric)
            && (33..=100).contains(&text.len())
            && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    }
);

name!(
    /// The address that requests go to instead of AWS.
    EndpointUrl,
    "endpoint URL",
    "`http://` or `https://` and a host, such as `http://localhost:4566`",
    is_endpoint_url
);

/// The regions that existed when this was written, with or without AgentCore.
const REGIONS: [&str; 39] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

impl RuntimeName {
    /// Joins the agent and the stage. The length limit applies to the joined name.
    pub fn of(agent: &AgentName, stage: Option<&StageName>) -> Result<Self, NameError> {
        match stage {
            None => Self::parse(agent.as_str()),
            Some(stage) => Self::parse(&format!("{agent}_{stage}")),
        }
    }
}

impl Default for EndpointName {
    fn default() -> Self {
        Self("DEFAULT".to_owned())
    }
}

impl AccountId {
    /// Returns a stand-in for the account in a document that is printed before the account is known.
    pub fn placeholder() -> Self {
        Self("ACCOUNT_ID".to_owned())
    }

    pub fn is_placeholder(&self) -> bool {
        self.0 == "ACCOUNT_ID"
    }
}

impl Region {
    /// Returns a stand-in for the region in a document that is printed before the region is known.
    pub fn placeholder() -> Self {
        Self("REGION".to_owned())
    }

    pub fn is_placeholder(&self) -> bool {
        self.0 == "REGION"
    }

    /// Like [`Region::parse`], for user input: the error suggests a similar region.
    pub fn read(text: &str) -> Result<Self, String> {
        Self::checked(text).map_err(|expectation| format!("invalid region `{text}`: {expectation}"))
    }

    /// Like [`Region::read`], for an option's value, which clap quotes itself.
    pub fn read_option(text: &str) -> Result<Self, String> {
        Self::checked(text)
    }

    fn checked(text: &str) -> Result<Self, String> {
        if Partition::is_isolated(text) {
            return Err("AgentCore is not available in the isolated partitions of AWS".to_owned());
        }
        Self::parse(text).map_err(|error| match Self::like(text) {
            Some(near) => did_you_mean(near),
            None => error.expectation(),
        })
    }

    /// Returns a similar known region if this one is unknown. Not a reason to refuse the region,
    /// because AWS opens new ones.
    pub fn near(&self) -> Option<&'static str> {
        if REGIONS.contains(&self.0.as_str()) {
            return None;
        }
        Self::like(&self.0)
    }

    /// Returns the region that was meant if this one cannot exist: its middle part is not a
    /// direction, or two letters in the first part of a known region are swapped.
    pub fn slip(&self) -> Option<&'static str> {
        const DIRECTIONS: [&str; 9] = [
            "central",
            "east",
            "north",
            "northeast",
            "northwest",
            "south",
            "southeast",
            "southwest",
            "west",
        ];
        let near = self.near()?;
        let mut parts = self.0.rsplit('-').skip(1);
        let direction = parts.next().unwrap_or_default();
        let is_direction = DIRECTIONS.contains(&direction);
        let is_swapped = strsim::damerau_levenshtein(&self.0, near) == 1
            && self.0.len() == near.len()
            && self.0.get(..2) != near.get(..2);
        (!is_direction || is_swapped).then_some(near)
    }

    /// Returns the known region whose code is most similar to the text.
    fn like(text: &str) -> Option<&'static str> {
        let given = text.to_ascii_lowercase().replace('_', "-");
        REGIONS
            .into_iter()
            .map(|region| (strsim::damerau_levenshtein(&given, region), region))
            .filter(|(distance, _)| *distance <= 2)
            .min()
            .map(|(_, region)| region)
    }

    /// Returns the partition of the region.
    pub fn partition(&self) -> Partition {
        Partition::of_region(&self.0)
    }
}

fn is_runtime_name(text: &str) -> bool {
    starts(text, u8::is_ascii_alphabetic)
        && text.len() <= 48
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

/// Rejects a user name, which would appear wherever the address is printed, and a query.
fn is_endpoint_url(text: &str) -> bool {
    let rest = ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let authority = rest.and_then(|rest| rest.split('/').next());
    let (host, port) = match authority.map(|all| (all, all.rfind([':', ']']))) {
        Some((all, Some(at))) if all[at..].starts_with(':') => (&all[..at], Some(&all[at + 1..])),
        Some((all, _)) => (all, None),
        None => return false,
    };
    let is_host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            starts(host, u8::is_ascii_alphanumeric)
                && host
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c))
        }
    };
    is_host
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
        && text
            .bytes()
            .all(|c| c.is_ascii_graphic() && !b"?#@`\\".contains(&c))
}

/// Returns true if the text is printable ASCII that a policy takes literally: no wildcard, no
/// policy variable.
pub(crate) fn is_literal(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_graphic()) && !text.contains(['*', '?']) && !text.contains("${")
}

/// Returns true for characters that are invisible or change the reading order: controls,
/// directional marks, zero-width characters. Joiners and variation selectors are allowed, because
/// scripts and emoji need them.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Soft hyphen, Arabic letter mark, Hangul fillers, Mongolian vowel separator.
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{180e}'
            // Directional marks, line separators, embeddings and overrides.
            | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            // Word joiner, invisible operators, isolates, deprecated formats.
            | '\u{2060}'..='\u{206f}'
            // Byte order mark, interlinear annotations.
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Tags, an invisible copy of ASCII.
            | '\u{e0000}'..='\u{e007f}'
        )
}

fn starts(text: &str, first: fn(&u8) -> bool) -> bool {
    text.as_bytes().first().is_some_and(first)
}

#[cfg(test)]
mod tests;
