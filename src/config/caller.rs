//! Callers from other accounts.

use std::{collections::BTreeSet, fmt};

use super::read::{Problems, Table};
use crate::names::{AccountId, Partition};

/// The ARN of an account, a role or a user, as in a resource policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    arn: String,
    account: AccountId,
    is_account: bool,
}

/// The number of callers that always fit into a policy of 20,480 characters.
const MOST: usize = 50;

impl Caller {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if AccountId::parse(text).is_ok() {
            return Err(format!(
                "invalid caller `{text}`: for everyone in that account, write `arn:aws:iam::{text}:root`"
            ));
        }
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        let read = match fields[..] {
            ["arn", partition, "iam", "", account, resource]
                if Partition::parse(partition).is_some() =>
            {
                let is_account = resource == "root";
                let is_one = ["role/", "user/"].iter().any(|kind| {
                    let name = resource.strip_prefix(kind);
                    name.is_some_and(|name| !name.is_empty() && name.bytes().all(is_named))
                });
                let account = AccountId::parse(account).ok();
                account
                    .filter(|_| is_account || is_one)
                    .map(|account| Self {
                        arn: text.to_owned(),
                        account,
                        is_account,
                    })
            }
            _ => None,
        };
        read.ok_or_else(|| {
            format!(
                "invalid caller `{text}`: expected the ARN of a role, a user or an account, such as `arn:aws:iam::ACCOUNT:role/NAME` or `arn:aws:iam::ACCOUNT:root`"
            )
        })
    }

    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    pub(crate) fn account(&self) -> &AccountId {
        &self.account
    }

    /// Returns whether the caller is an account, which decides itself who may call.
    pub(crate) fn is_account(&self) -> bool {
        self.is_account
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

/// Returns whether the character may be in the names and paths of roles and users.
fn is_named(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b"_+=,.@/-".contains(&c)
}

pub(super) fn read(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Option<BTreeSet<Caller>> {
    let mut callers = BTreeSet::new();
    for text in table.strings("callers", problems)? {
        match Caller::parse(text.get_ref()) {
            Ok(caller) => {
                callers.insert(caller);
            }
            Err(what) => problems.at(text.span(), what, ""),
        }
    }
    if callers.len() > MOST {
        problems.at(
            table.key_span("callers"),
            format!("`callers` has more than {MOST} entries"),
            "name their account, or one role that they assume",
        );
    }
    Some(callers)
}
