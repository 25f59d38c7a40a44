//! Commands against an AWS account: emulators, and scripted servers for what those do not show.

mod support;

mod clean;
mod deploy;
mod e2e;
mod hostile;
mod images;
mod invoke;
mod logs;
mod running;
mod trouble;
