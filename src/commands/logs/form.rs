//! Which events are shown, and how.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Args;
use crate::{
    options,
    plan::log_tail::LogEvent,
    ui::{Reader, Ui},
};

#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    Ago(Duration),
    At(SystemTime),
}

impl When {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        humantime::parse_rfc3339_weak(text)
            .map(Self::At)
            .map_err(|_| {
                "expected a duration such as `1h` or a time such as `2026-11-25T16:00:00Z`"
                    .to_owned()
            })
    }

    /// Returns milliseconds since 1970.
    pub(super) fn millis(self, now: SystemTime) -> i64 {
        let at = match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(UNIX_EPOCH),
            Self::At(at) => at,
        };
        millis(at)
    }
}

pub(super) fn millis(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The format of the lines on stdout.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Text { telemetry: bool },
    Raw { telemetry: bool },
    Json,
}

impl Form {
    pub(super) fn of(args: &Args) -> Self {
        let telemetry = args.telemetry;
        match (args.output, args.raw) {
            (options::Output::Json, _) => Self::Json,
            (options::Output::Text, true) => Self::Raw { telemetry },
            (options::Output::Text, false) => Self::Text { telemetry },
        }
    }

    pub(super) fn line(self, event: &LogEvent) -> Option<String> {
        match self {
            Self::Json => Some(event.json()),
            Self::Text { telemetry } | Self::Raw { telemetry }
                if !telemetry && !event.is_printed() =>
            {
                None
            }
            Self::Text { .. } => Some(event.text()),
            Self::Raw { .. } => Some(event.message.trim_end_matches('\n').to_owned()),
        }
    }
}

impl Form {
    pub(super) fn offer(self, line: &str, ui: &Ui) -> Reader {
        match self {
            Self::Text { telemetry: _ } => ui.offer(line),
            Self::Raw { telemetry: _ } => ui.offer_raw(line),
            Self::Json => ui.offer_json(line),
        }
    }
}
