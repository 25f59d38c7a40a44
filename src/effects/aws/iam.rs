//! IAM: observes roles and carries out the changes that `plan::role` decides.

use std::collections::BTreeMap;

use aws_sdk_iam::{
    Client,
    config::{Builder, Region as SdkRegion},
    types::{Role, Tag},
};
use futures_util::future;
use serde_json::Value;

use super::{AwsError, Session, found, gone_or};
use crate::{
    names::RoleName,
    policy::Document,
    resources::{
        role::{DeletionStep, ObservedRole, POLICY_PREFIX, RoleStep},
        tags::POLICIES,
    },
};

#[derive(Debug, Clone)]
pub(crate) struct Iam {
    client: Client,
    /// The name of the policy for the session's region.
    own_policy: String,
}

impl Iam {
    pub(crate) fn new(session: &Session) -> Self {
        let config = Builder::from(&session.sdk)
            .region(SdkRegion::new(session.region.as_str().to_owned()))
            .build();
        Self {
            client: Client::from_conf(config),
            own_policy: format!("{POLICY_PREFIX}{}", session.region),
        }
    }

    /// Observes a role that the user provides, without its policies: the trust check does not need
    /// them.
    pub(crate) async fn observe_given(
        &self,
        name: &RoleName,
    ) -> Result<Option<ObservedRole>, AwsError> {
        let role = self.role(name).await?;
        Ok(role.map(|role| observed(role, BTreeMap::new(), Vec::new())))
    }

    /// Returns the role with its policies, or `None` if it does not exist.
    pub(crate) async fn observe_role(
        &self,
        name: &RoleName,
    ) -> Result<Option<ObservedRole>, AwsError> {
        let Some(role) = self.role(name).await? else {
            return Ok(None);
        };
        let (inline, attached) = tokio::try_join!(self.inline(name), self.attached(name))?;
        Ok(Some(observed(role, inline, attached)))
    }

    /// Like [`Iam::observe_role`], for a role that was just written, in parallel. Parts that IAM
    /// does not know yet count as missing.
    pub(crate) async fn read_back(
        &self,
        name: &RoleName,
    ) -> Result<Option<ObservedRole>, AwsError> {
        let (role, inline, attached) =
            tokio::join!(self.role(name), self.inline(name), self.attached(name));
        let Some(role) = role? else {
            return Ok(None);
        };
        match (inline, attached) {
            (Ok(inline), Ok(attached)) => Ok(Some(observed(role, inline, attached))),
            (Err(error), _) | (_, Err(error)) if error.is_not_found() => Ok(None),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// Returns the role with the policy for the session's region, in parallel. Does not read the
    /// documents of other regions. Reads the attached policies only if the tool attaches any, now
    /// (`attaches`) or earlier.
    pub(crate) async fn observe_own_policy(
        &self,
        name: &RoleName,
        attaches: bool,
    ) -> Result<Option<ObservedRole>, AwsError> {
        let (role, inline) = tokio::join!(self.role(name), self.listed(name));
        let (Some(role), Some(inline)) = (role?, found(inline)?) else {
            return Ok(None);
        };
        let mut role = observed(role, inline, Vec::new());
        if attaches || role.tags.contains_key(POLICIES) {
            role.attached = found(self.attached(name).await)?.unwrap_or_default();
        }
        Ok(Some(role))
    }

    /// Returns when a role was created, in seconds since 1970, or `None` if it does not exist.
    pub(crate) async fn created(&self, name: &RoleName) -> Result<Option<i64>, AwsError> {
        let role = self.role(name).await?;
        Ok(role.map(|role| role.create_date.secs()))
    }

    async fn role(&self, name: &RoleName) -> Result<Option<Role>, AwsError> {
        let answer = self.client.get_role().role_name(name.as_str()).send().await;
        let answer = found(answer.map_err(AwsError::on("iam:GetRole", shown(name))))?;
        Ok(answer.and_then(|answer| answer.role))
    }

    async fn inline(&self, name: &RoleName) -> Result<BTreeMap<String, Option<Value>>, AwsError> {
        let mut inline = self.listed(name).await?;
        let further = inline
            .iter_mut()
            .filter(|(policy, _)| policy.starts_with(POLICY_PREFIX) && **policy != self.own_policy)
            .map(async |(policy, read)| {
                *read = self.policy(name, policy).await?;
                Ok(())
            });
        future::try_join_all(further).await?;
        Ok(inline)
    }

    /// Returns every inline policy by name, with the document of the region's own policy. That
    /// policy almost always exists, so it is read in parallel with the list.
    async fn listed(&self, name: &RoleName) -> Result<BTreeMap<String, Option<Value>>, AwsError> {
        let (names, own) =
            tokio::join!(self.policy_names(name), self.policy(name, &self.own_policy));
        let mut inline: BTreeMap<String, Option<Value>> =
            names?.into_iter().map(|policy| (policy, None)).collect();
        // A policy that is not in the list does not exist yet, or no longer, so its document is
        // dropped.
        if let Some(read) = inline.get_mut(&self.own_policy) {
            *read = own?;
        }
        Ok(inline)
    }

    async fn policy_names(&self, name: &RoleName) -> Result<Vec<String>, AwsError> {
        self.client
            .list_role_policies()
            .role_name(name.as_str())
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<String>, _>>()
            .await
            .map_err(AwsError::on("iam:ListRolePolicies", shown(name)))
    }

    async fn policy(&self, name: &RoleName, policy: &str) -> Result<Option<Value>, AwsError> {
        let answer = self
            .client
            .get_role_policy()
            .role_name(name.as_str())
            .policy_name(policy)
            .send()
            .await;
        let what = policy_shown(name, policy);
        let answer = found(answer.map_err(AwsError::on("iam:GetRolePolicy", what)))?;
        Ok(answer.and_then(|answer| document(Some(&answer.policy_document))))
    }

    async fn attached(&self, name: &RoleName) -> Result<Vec<String>, AwsError> {
        let policies = self
            .client
            .list_attached_role_policies()
            .role_name(name.as_str())
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(AwsError::on("iam:ListAttachedRolePolicies", shown(name)))?;
        Ok(policies
            .into_iter()
            .filter_map(|policy| policy.policy_arn)
            .collect())
    }

    /// Returns the instance profiles that contain the role.
    pub(crate) async fn instance_profiles(&self, name: &RoleName) -> Result<Vec<String>, AwsError> {
        let profiles = self
            .client
            .list_instance_profiles_for_role()
            .role_name(name.as_str())
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(AwsError::on("iam:ListInstanceProfilesForRole", shown(name)));
        // Another run may have deleted the role in the meantime.
        let profiles = found(profiles)?.unwrap_or_default();
        Ok(profiles
            .into_iter()
            .map(|profile| profile.instance_profile_name)
            .collect())
    }

    /// Carries out one step. What is to be taken away may be gone already.
    pub(crate) async fn apply(&self, step: &RoleStep) -> Result<(), AwsError> {
        match step {
            RoleStep::Create {
                role,
                path,
                description,
                trust,
                boundary,
                tags,
            } => self
                .client
                .create_role()
                .role_name(role.as_str())
                .path(path.as_str())
                .description(description)
                .assume_role_policy_document(trust.to_json())
                .set_permissions_boundary(boundary.clone())
                .set_tags(Some(sdk_tags(tags)))
                .send()
                .await
                .map(|_| ())
                .map_err(AwsError::on("iam:CreateRole", shown(role))),
            RoleStep::PutBoundary {
                role,
                arn,
                before: _,
            } => self
                .client
                .put_role_permissions_boundary()
                .role_name(role.as_str())
                .permissions_boundary(arn)
                .send()
                .await
                .map(|_| ())
                .map_err(AwsError::on("iam:PutRolePermissionsBoundary", shown(role))),
            RoleStep::Tag { role, tags } => self
                .client
                .tag_role()
                .role_name(role.as_str())
                .set_tags(Some(sdk_tags(tags)))
                .send()
                .await
                .map(|_| ())
                .map_err(AwsError::on("iam:TagRole", shown(role))),
            RoleStep::Untag { role, keys } => self.untag(role, keys).await,
            RoleStep::Attach { role, arn } => self.attach(role, arn).await,
            RoleStep::Detach { role, arn } => self.detach(role, arn).await,
            RoleStep::PutPolicy {
                role,
                policy,
                document,
                before: _,
            } => self
                .client
                .put_role_policy()
                .role_name(role.as_str())
                .policy_name(policy)
                .policy_document(document.to_json())
                .send()
                .await
                .map(|_| ())
                .map_err(AwsError::on(
                    "iam:PutRolePolicy",
                    policy_shown(role, policy),
                )),
            RoleStep::SetTrust {
                role,
                document,
                before: _,
            } => gone_or(self.set_trust(role, document).await),
        }
    }

    /// Carries out one step of a deletion.
    pub(crate) async fn apply_deletion(&self, step: &DeletionStep) -> Result<(), AwsError> {
        match step {
            DeletionStep::Change(step) => self.apply(step).await,
            DeletionStep::DeletePolicy { role, policy } => self.delete_policy(role, policy).await,
            DeletionStep::Delete { role } => self.delete(role).await,
        }
    }
}

impl Iam {
    async fn set_trust(&self, role: &RoleName, document: &Document) -> Result<(), AwsError> {
        self.client
            .update_assume_role_policy()
            .role_name(role.as_str())
            .policy_document(document.to_json())
            .send()
            .await
            .map(|_| ())
            .map_err(AwsError::on("iam:UpdateAssumeRolePolicy", shown(role)))
    }

    async fn untag(&self, role: &RoleName, keys: &[String]) -> Result<(), AwsError> {
        let untagged = self
            .client
            .untag_role()
            .role_name(role.as_str())
            .set_tag_keys(Some(keys.to_vec()))
            .send()
            .await;
        gone_or(untagged.map_err(AwsError::on("iam:UntagRole", shown(role))))
    }

    async fn delete_policy(&self, role: &RoleName, policy: &str) -> Result<(), AwsError> {
        let deleted = self
            .client
            .delete_role_policy()
            .role_name(role.as_str())
            .policy_name(policy)
            .send()
            .await;
        gone_or(deleted.map_err(AwsError::on(
            "iam:DeleteRolePolicy",
            policy_shown(role, policy),
        )))
    }

    async fn delete(&self, role: &RoleName) -> Result<(), AwsError> {
        let deleted = self.client.delete_role().role_name(role.as_str());
        let deleted = deleted.send().await;
        gone_or(deleted.map_err(AwsError::on("iam:DeleteRole", shown(role))))
    }

    async fn attach(&self, role: &RoleName, arn: &str) -> Result<(), AwsError> {
        self.client
            .attach_role_policy()
            .role_name(role.as_str())
            .policy_arn(arn)
            .send()
            .await
            .map(|_| ())
            .map_err(AwsError::on(
                "iam:AttachRolePolicy",
                policy_shown(role, arn),
            ))
    }

    /// Detaches a policy, or accepts that it is already detached.
    async fn detach(&self, role: &RoleName, arn: &str) -> Result<(), AwsError> {
        let detached = self
            .client
            .detach_role_policy()
            .role_name(role.as_str())
            .policy_arn(arn)
            .send()
            .await;
        gone_or(detached.map_err(AwsError::on(
            "iam:DetachRolePolicy",
            policy_shown(role, arn),
        )))
    }
}

fn policy_shown(role: &RoleName, policy: &str) -> String {
    format!("policy `{policy}` of {}", shown(role))
}

fn observed(
    role: Role,
    inline: BTreeMap<String, Option<Value>>,
    attached: Vec<String>,
) -> ObservedRole {
    ObservedRole {
        arn: role.arn,
        path: role.path,
        trust: document(role.assume_role_policy_document.as_deref()).unwrap_or(Value::Null),
        inline,
        attached,
        boundary: role
            .permissions_boundary
            .and_then(|boundary| boundary.permissions_boundary_arn),
        tags: role
            .tags
            .unwrap_or_default()
            .into_iter()
            .map(|tag| (tag.key, tag.value))
            .collect(),
    }
}

fn shown(name: &RoleName) -> String {
    format!("role `{name}`")
}

/// Parses a policy document, which IAM sends as percent-encoded JSON.
fn document(text: Option<&str>) -> Option<Value> {
    let text = percent_encoding::percent_decode_str(text?)
        .decode_utf8()
        .ok()?;
    serde_json::from_str(&text).ok()
}

fn sdk_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| {
            Tag::builder()
                .key(key)
                .value(value)
                .build()
                .expect("a tag has key and value")
        })
        .collect()
}
