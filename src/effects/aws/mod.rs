//! AWS, through the SDK. SDK types never leave this module.

pub(crate) mod capabilities;
mod cli_login;
pub(crate) mod code_build;
mod control;
pub(crate) mod data_plane;
pub(crate) mod declared;
pub(crate) mod ecr;
pub(crate) mod emulated;
pub(crate) mod error;
mod exchange;
pub(crate) mod fetch;
mod https;
pub(crate) mod iam;
pub(crate) mod idempotency;
mod json_client;
pub(crate) mod log_events;
pub(crate) mod logs;
pub(crate) mod models;
pub(crate) mod network;
mod profiles;
pub(crate) mod registry;
pub(crate) mod repository;
pub(crate) mod requests;
pub(crate) mod resource_policy;
mod rest;
pub(crate) mod runtime;
mod runtime_policy;
pub(crate) mod runtime_read;
pub(crate) mod runtime_write;
pub(crate) mod s3;
mod s3_client;
pub(crate) mod sent_bytes;
pub(crate) mod session;
mod sign;
mod skew;
pub(crate) mod store;
mod transfer;
mod unanswered;
pub(crate) mod xray;

pub(crate) use error::{AwsError, Kind};
pub(crate) use session::Session;

use error::{found, gone_or};
