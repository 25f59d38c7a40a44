//! What the AWS behind a session can do. The project's local AgentCore lacks some of it; every
//! other place that asks for a difference between the two asks here.

use crate::config::{ResourceKind, settings::is_kept_locally};

/// What works where a session leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// Runtimes and endpoints have resource policies, so that other accounts can call them.
    pub(crate) resource_policies: bool,
    /// Traces are kept, and a console shows them.
    pub(crate) traces: bool,
    /// Runtimes have a platform version.
    pub(crate) platforms: bool,
    /// Resources of AgentCore have tags. Otherwise the store belongs to the project.
    pub(crate) resource_tags: bool,
    /// There are gateways.
    pub(crate) gateways: bool,
    /// CodeBuild builds images.
    pub(crate) builds: bool,
    /// Accounts and regions have a meaning for the user.
    pub(crate) accounts: bool,
    /// Agents run on 64-bit ARM Linux, and not on this machine.
    pub(crate) arm_machines: bool,
    /// Images of the public registry run, too.
    pub(crate) public_images: bool,
    /// A region may lack services, and calls of Bedrock and of the price list go to it.
    pub(crate) partitions: bool,
    /// A bucket's tags survive a crash. Otherwise a bucket without tags is the project's own.
    pub(crate) durable_tags: bool,
    /// Runtimes keep settings that only AWS implements.
    all_settings: bool,
}

impl Capabilities {
    pub(crate) const AWS: Self = Self {
        resource_policies: true,
        traces: true,
        platforms: true,
        resource_tags: true,
        gateways: true,
        builds: true,
        accounts: true,
        arm_machines: true,
        public_images: true,
        partitions: true,
        durable_tags: true,
        all_settings: true,
    };

    /// The project's own emulator, for `--local`.
    pub(crate) const LOCAL: Self = Self {
        resource_policies: false,
        traces: false,
        platforms: false,
        resource_tags: false,
        gateways: false,
        builds: false,
        accounts: false,
        arm_machines: false,
        public_images: false,
        partitions: false,
        durable_tags: false,
        all_settings: false,
    };

    /// Returns whether there are resources of the kind.
    pub(crate) fn has(self, kind: ResourceKind) -> bool {
        match kind {
            ResourceKind::Gateway => self.gateways,
            ResourceKind::Memory => true,
        }
    }

    /// Returns whether a runtime keeps this setting, by its place in the service's document.
    pub(crate) fn keeps(self, setting: &[String]) -> bool {
        self.all_settings || is_kept_locally(setting)
    }
}
