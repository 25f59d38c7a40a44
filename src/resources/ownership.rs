//! Who owns a resource, according to its tags.

use std::collections::BTreeMap;

pub(crate) use crate::names::ours::{ADOPTED, AGENT, MANAGED, PROJECT, RESOURCE, STAGE};
use crate::{
    config::{Agent, Resource},
    names::{AgentName, ProjectId, StageName},
};

/// What the tags identify: the project, the owner in it, the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) project: ProjectId,
    pub(crate) owner: Owner,
    pub(crate) stage: Option<StageName>,
}

/// What of a project something belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    Agent(AgentName),
    /// A declared resource, by its kind and name: `gateway/tools`.
    Resource(String),
}

impl Owner {
    /// Returns the key of the tag with the owner's name, and its word.
    fn key(&self) -> (&'static str, &'static str) {
        match self {
            Self::Agent(_) => (AGENT, "agent"),
            Self::Resource(_) => (RESOURCE, "resource"),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Agent(name) => name.as_str(),
            Self::Resource(path) => path,
        }
    }

    pub(crate) fn is(&self, agent: &AgentName) -> bool {
        matches!(self, Self::Agent(name) if name == agent)
    }
}

/// The owner according to a resource's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ownership {
    Ours,
    /// No tag of this tool.
    Unmarked,
    /// Tagged by this tool for another project, agent or stage, which this text names.
    Others(String),
}

impl Identity {
    pub(crate) fn of(agent: &Agent) -> Self {
        Self {
            project: agent.project.clone(),
            owner: Owner::Agent(agent.name.clone()),
            stage: agent.stage.clone(),
        }
    }

    pub(crate) fn of_resource(resource: &Resource) -> Self {
        Self {
            project: resource.project.clone(),
            owner: Owner::Resource(resource.path()),
            stage: resource.stage.clone(),
        }
    }

    /// Returns the identity as text, for messages about another owner.
    pub(crate) fn words(&self) -> String {
        let stage = self.stage.as_ref().map_or("-", StageName::as_str);
        let (_, word) = self.owner.key();
        let name = self.owner.name();
        format!(
            "project `{}`, {word} `{name}`, stage `{stage}`",
            self.project
        )
    }

    /// Returns the tags that prove ownership. No value is empty, because some emulators drop empty
    /// values.
    pub(crate) fn tags(&self) -> BTreeMap<String, String> {
        let stage = self.stage.as_ref().map_or("-", StageName::as_str);
        [
            (MANAGED, "true"),
            (PROJECT, self.project.as_str()),
            (self.owner.key().0, self.owner.name()),
            (STAGE, stage),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }

    /// Returns the owner. `Ours` only if all four tags exist and match.
    pub(crate) fn ownership(&self, tags: &BTreeMap<String, String>) -> Ownership {
        let (key, word) = self.owner.key();
        let shown = [("project", PROJECT), (word, key), ("stage", STAGE)];
        Ownership::of(&self.tags(), tags, &shown)
    }
}

impl Ownership {
    /// Returns why something is not this project's, if that is so.
    pub(crate) fn proven(self) -> Result<(), String> {
        match self {
            Self::Ours => Ok(()),
            Self::Unmarked => Err("it does not carry the tags of this project".to_owned()),
            Self::Others(owner) => Err(format!("its tags say {owner}")),
        }
    }

    /// Compares the tags that prove that something is ours with those that are there. `shown` are
    /// the tags that tell another owner, with their words.
    fn of(
        ours: &BTreeMap<String, String>,
        there: &BTreeMap<String, String>,
        shown: &[(&str, &str)],
    ) -> Self {
        if ours
            .iter()
            .all(|(key, value)| there.get(key) == Some(value))
        {
            return Self::Ours;
        }
        if !ours.keys().any(|key| there.contains_key(key)) {
            return Self::Unmarked;
        }
        let of = |key: &str| there.get(key).map_or("(none)", String::as_str);
        let shown: Vec<String> = shown
            .iter()
            .map(|(word, key)| format!("{word} `{}`", of(key)))
            .collect();
        Self::Others(shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            project: ProjectId::parse("p-1").unwrap(),
            owner: Owner::Agent(AgentName::parse("a").unwrap()),
            stage: None,
        }
    }

    #[test]
    fn only_four_equal_tags_prove_ownership() {
        let all = identity().tags();
        assert_eq!(identity().ownership(&all), Ownership::Ours);
        for key in all.keys() {
            let mut without = all.clone();
            without.remove(key);
            assert!(
                matches!(identity().ownership(&without), Ownership::Others(_)),
                "{key}"
            );
            let mut other = all.clone();
            other.insert(key.clone(), "other".into());
            assert!(
                matches!(identity().ownership(&other), Ownership::Others(_)),
                "{key}"
            );
        }
        assert_eq!(identity().ownership(&BTreeMap::new()), Ownership::Unmarked);
    }

    #[test]
    fn no_stage_and_a_stage_are_told_apart() {
        let staged = Identity {
            stage: Some(StageName::parse("prod").unwrap()),
            ..identity()
        };
        assert!(matches!(
            identity().ownership(&staged.tags()),
            Ownership::Others(_)
        ));
    }
}
