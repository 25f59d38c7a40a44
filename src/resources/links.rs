//! A runtime's URLs: for invocations, metrics and logs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::names::{Partition, Region};

/// Characters that are not encoded in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns an endpoint's invocation URL at the address of the service.
pub(crate) fn invocation(address: &str, runtime_arn: &str, endpoint: &str) -> String {
    let address = address.trim_end_matches('/');
    let arn = utf8_percent_encode(runtime_arn, PATH);
    format!("{address}/runtimes/{arn}/invocations?qualifier={endpoint}")
}

/// Returns the console page with the sessions, traces and metrics of the account's agents.
pub(crate) fn observability(partition: Partition, region: &Region) -> String {
    let host = partition.console();
    format!("https://{host}/cloudwatch/home?region={region}#gen-ai-observability/agent-core")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_url_holds_the_arn_as_one_part_of_the_path() {
        let arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/a-AbCdEf1234";
        let encoded =
            "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-AbCdEf1234";
        for address in ["http://127.0.0.1:4566", "http://127.0.0.1:4566/"] {
            assert_eq!(
                invocation(address, arn, "prod"),
                format!("http://127.0.0.1:4566/runtimes/{encoded}/invocations?qualifier=prod")
            );
        }
    }
}
