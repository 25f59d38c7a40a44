//! What stays on this machine: projects, dialogs, archives, `dev`, and the local AgentCore.

mod support;

mod dataplane;
mod dev;
mod disk;
mod init;
mod local;
mod manners;
mod package;
mod policy;
mod published;
mod readme;
mod scaffolds;
mod support_works;
mod wizard;
