//! The server's tools.

use chrono::NaiveDate;
use rmcp::{
    ServerHandler,
    handler::server::wrapper::Parameters,
    model::{Implementation, ServerCapabilities, ServerConfig},
    schemars::{self, JsonSchema},
    tool, tool_handler, tool_router,
};
use serde::Deserialize;

/// What the server offers. A new one is made for each request, so keep what requests share, such as
/// a client, in a static variable or in an `Arc`.
pub struct Tools;

/// Each method with `#[tool]` is a tool. Its documentation is what a client's model reads, and an
/// error is the tool's result.
#[tool_router]
impl Tools {
    /// Count the days from one date to another.
    #[tool]
    fn days_between(
        &self,
        Parameters(Dates { first, last }): Parameters<Dates>,
    ) -> Result<String, String> {
        tracing::info!("tool days_between");
        let days = (date(&last)? - date(&first)?).num_days();
        Ok(days.to_string())
    }
}

#[tool_handler]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let name = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(name)
            .with_instructions("Use days_between whenever a number of days is asked for.")
    }
}

#[derive(Deserialize, JsonSchema)]
struct Dates {
    /// The first date, such as 2026-01-31.
    first: String,
    /// The last date, such as 2026-12-24.
    last: String,
}

fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse()
        .map_err(|why| format!("{text} is not a date: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted() {
        let days = |first: &str, last: &str| {
            let (first, last) = (first.to_owned(), last.to_owned());
            Tools.days_between(Parameters(Dates { first, last }))
        };
        assert_eq!(days("2026-01-01", "2026-12-24").as_deref(), Ok("357"));
        assert!(days("2026-02-30", "2026-12-24").is_err());
    }
}
