//! Whether the agent is busy, for `/ping`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

/// What `/ping` answers. AgentCore keeps a session while the agent is busy.
pub struct Health(Mutex<Work>);

struct Work {
    running: usize,
    /// When it last became busy or idle.
    since: SystemTime,
}

impl Default for Health {
    fn default() -> Self {
        Self(Mutex::new(Work {
            running: 0,
            since: SystemTime::now(),
        }))
    }
}

impl Health {
    /// Marks the agent as busy until the result is dropped.
    pub fn begin(self: &Arc<Self>) -> Busy {
        self.change(|running| running + 1);
        Busy(Arc::clone(self))
    }

    fn change(&self, change: impl FnOnce(usize) -> usize) {
        let mut work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_busy = work.running > 0;
        work.running = change(work.running);
        if was_busy != (work.running > 0) {
            work.since = SystemTime::now();
        }
    }

    /// Returns the answer to `/ping`. Its time moves only when the status changes: otherwise the
    /// session would never count as idle.
    pub fn now(&self) -> Value {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = work.since.duration_since(UNIX_EPOCH).unwrap_or_default();
        let status = if work.running > 0 {
            "HealthyBusy"
        } else {
            "Healthy"
        };
        json!({ "status": status, "time_of_last_update": since.as_secs() })
    }
}

/// Work in progress.
pub struct Busy(Arc<Health>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(|running| running.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_status_moves_only_with_the_status() {
        let health = Arc::new(Health::default());
        let set = |since| health.0.lock().unwrap().since = since;
        set(UNIX_EPOCH);
        assert_eq!(
            health.now(),
            json!({ "status": "Healthy", "time_of_last_update": 0 })
        );
        let first = health.begin();
        assert_ne!(health.now()["time_of_last_update"], 0);
        set(UNIX_EPOCH);
        drop(health.begin());
        let busy = json!({ "status": "HealthyBusy", "time_of_last_update": 0 });
        assert_eq!(health.now(), busy);
        drop(first);
        assert_eq!(health.now()["status"], "Healthy");
        assert_ne!(health.now()["time_of_last_update"], 0);
    }
}
