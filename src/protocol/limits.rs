//! The service's limits, from its quotas page (bedrock-agentcore-limits, September 2026) and its
//! API model.

use std::time::Duration;

/// Bytes of a request's payload, and of an answer.
pub const PAYLOAD: usize = 100_000_000;

/// Bytes of one chunk of a streamed answer.
pub const CHUNK: usize = 10_000_000;

/// How long an answer may take if it is not streamed.
pub const SYNCHRONOUS: Duration = Duration::from_mins(15);

/// How long a streamed answer or a WebSocket may last.
pub const STREAMING: Duration = Duration::from_hours(1);

/// How long a process may take to answer on its port.
pub const INITIALIZATION: Duration = Duration::from_secs(30);

/// How long a session may be idle by default.
pub const IDLE_TIMEOUT: Duration = Duration::from_mins(15);

/// How long a session may live by default.
pub const MAX_LIFETIME: Duration = Duration::from_hours(8);

/// Bytes of a WebSocket frame.
pub const FRAME: usize = 64 * 1024;

/// WebSocket frames per second.
pub const FRAMES_PER_SECOND: u32 = 250;

/// Bytes of the value of a header on the runtime's allow-list.
pub const HEADER_VALUE: usize = 4096;

/// The most events and bytes that one PutLogEvents call accepts. Each event counts as
/// `LOG_EVENT_OVERHEAD` bytes more than its text.
pub const LOG_BATCH_EVENTS: usize = 10_000;
pub const LOG_BATCH_BYTES: usize = 1_048_576;
pub const LOG_EVENT_OVERHEAD: usize = 26;

/// Sessions that can run at once on this machine. The service runs thousands.
pub const LOCAL_SESSIONS: usize = 20;

/// How many of the last lines of an agent's log an error message contains.
pub const LOG_LINES: usize = 20;
