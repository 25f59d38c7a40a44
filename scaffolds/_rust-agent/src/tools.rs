//! The agent's own tools.

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

/// A tool as the model sees it.
pub struct Tool {
    pub name: &'static str,
    pub description: &'static str,
    /// The JSON schema of its input.
    pub input: Value,
}

/// Returns every tool. Add yours here and in [`call`].
pub fn all() -> Vec<Tool> {
    vec![Tool {
        name: "days_between",
        description: "Count the days from one date to another.",
        input: json!({
            "type": "object",
            "properties": {
                "first": { "type": "string", "description": "The first date, such as 2026-01-31." },
                "last": { "type": "string", "description": "The last date, such as 2026-12-24." },
            },
            "required": ["first", "last"],
        }),
    }]
}

/// Calls a tool. The model gets the error as the tool's result.
pub fn call(name: &str, input: &Value) -> Result<String, String> {
    match name {
        "days_between" => days_between(Dates::deserialize(input).map_err(|why| why.to_string())?),
        _ => Err(format!("there is no tool {name}")),
    }
}

#[derive(Deserialize)]
struct Dates {
    first: String,
    last: String,
}

fn days_between(Dates { first, last }: Dates) -> Result<String, String> {
    let date = |text: &str| {
        text.parse::<NaiveDate>()
            .map_err(|why| format!("{text} is not a date: {why}"))
    };
    let days = (date(&last)? - date(&first)?).num_days();
    Ok(days.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted() {
        let days = |first: &str, last: &str| {
            call("days_between", &json!({ "first": first, "last": last }))
        };
        assert_eq!(days("2026-01-01", "2026-12-24").as_deref(), Ok("357"));
        assert!(days("2026-02-30", "2026-12-24").is_err());
        assert!(call("days_between", &json!({})).is_err());
        assert!(call("other", &json!({})).is_err());
    }
}
