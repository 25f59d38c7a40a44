//! The contract of the template, with an agent that says what it was asked.
#![allow(dead_code, reason = "not all of the template is used")]

mod contract;
mod handler;
mod health;
mod logging;
mod process;

use std::{process::ExitCode, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use handler::{Context, Error, Handler, Reply};
use serde_json::{Value, json};

struct Echo;

impl Handler for Echo {
    /// Answers with the payload, or with a stream of the numbers below `stream`.
    async fn handle(&self, payload: Value, _: Context) -> Result<Reply, Error> {
        let Some(end) = payload["stream"].as_u64() else {
            let processor = std::env::consts::ARCH;
            return Ok(Reply::Json(json!({ "asked": payload, "processor": processor })));
        };
        let numbers = futures_util::stream::iter(0..end).then(|number| async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(json!(number))
        });
        Ok(Reply::Stream(Box::pin(numbers)))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    process::run(contract::PORT, contract::router(Arc::new(Echo))).await
}
