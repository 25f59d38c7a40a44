//! The price list's answers as documented by AWS: botocore ships an example for each operation with
//! the service's model (`botocore/data/pricing/2017-10-15/examples-1.json`), and that model
//! validates the answers here. No emulator of the test bed has prices.

use std::{process::Command, sync::OnceLock};

use serde_json::{Value, json};

use super::{
    estimate::Asked,
    succeeds,
    support::{Answer, bed},
};

const EXAMPLES: &str = r#"
import json
from botocore.loaders import Loader

examples = Loader().load_service_model("pricing", "examples-1")["examples"]
print(json.dumps({name: shown[0]["output"] for name, shown in examples.items()}))
"#;

/// Fails if an answer has a field or a type that the operation's output does not have.
const CHECK: &str = r#"
import json, sys
import boto3
from botocore.stub import Stubber

client = boto3.client("pricing", region_name="us-east-1")
for method, answer in json.loads(sys.argv[1]):
    Stubber(client).add_response(method, answer)
"#;

fn python(script: &str) -> Command {
    let mut command = Command::new(bed::program(&bed::agents(), "python"));
    command.args(["-c", script]).env_clear();
    command
}

/// Returns the operation's documented answer.
fn documented(operation: &str) -> Value {
    static EXAMPLE: OnceLock<Value> = OnceLock::new();
    let examples =
        EXAMPLE.get_or_init(|| serde_json::from_str(&succeeds(&mut python(EXAMPLES))).unwrap());
    examples[operation].clone()
}

/// Returns the products of the answer: AWS's, and two variants that the list contains as well, one
/// that can only be reserved, which is reported without a price, and one with a price in another
/// currency.
pub(crate) fn products() -> Vec<Value> {
    let text = &documented("GetProducts")["PriceList"][0];
    let shown: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    let mut reserved = shown.clone();
    reserved["terms"] = json!({"Reserved": {}});
    let mut elsewhere = shown.clone();
    let price = elsewhere
        .pointer_mut("/terms/OnDemand/WQGC34PB2AWS8R4U.JRTCKXETXF/priceDimensions/WQGC34PB2AWS8R4U.JRTCKXETXF.6YS6EN2CT7/pricePerUnit")
        .unwrap();
    *price = json!({"CNY": "0.9"});
    vec![shown, reserved, elsewhere]
}

/// Returns the tools' summaries of [`products`].
pub(crate) fn summaries() -> Value {
    let attributes = &products()[0]["product"]["attributes"];
    let description =
        "$0.138 per GB-month of Provisioned IOPS SSD (io1)  provisioned storage - Canada (Central)";
    let price = |usd: Value| json!([{"usd": usd, "unit": "GB-Mo", "description": description}]);
    [price(json!("0.1380000000")), json!([]), price(Value::Null)]
        .into_iter()
        .map(|prices| json!({"attributes": attributes, "prices": prices}))
        .collect()
}

fn get_products() -> Value {
    let mut answer = documented("GetProducts");
    let texts = products().into_iter().map(|product| product.to_string());
    answer["PriceList"] = texts.collect();
    answer
}

/// Returns AWS's answer as the first page; the second is the last.
fn get_attribute_values(token: Option<&str>) -> Value {
    let first = documented("GetAttributeValues");
    if token.is_none() {
        return first;
    }
    assert_eq!(token, first["NextToken"].as_str());
    json!({"AttributeValues": [{"Value": "General Purpose"}, {"Value": "Cold HDD"}]})
}

pub(crate) fn price_list() -> Asked {
    Asked::answering(|operation, body| {
        let document = match operation {
            "AWSPriceListService.GetProducts" => get_products(),
            "AWSPriceListService.GetAttributeValues" => {
                get_attribute_values(body["NextToken"].as_str())
            }
            _ => return Answer::json(400, &json!({"__type": "InvalidParameterException"})),
        };
        Answer::new(200, "application/x-amz-json-1.1", document.to_string())
    })
}

#[test]
fn the_answers_are_of_the_shape_that_the_services_model_has() {
    let check = |answers: &Value| python(CHECK).arg(answers.to_string()).output().unwrap();
    let first = get_attribute_values(None);
    let last = get_attribute_values(first["NextToken"].as_str());
    succeeds(
        python(CHECK).arg(
            json!([
                ["get_products", get_products()],
                ["get_attribute_values", first],
                ["get_attribute_values", last],
            ])
            .to_string(),
        ),
    );
    for wrong in [
        json!([["get_products", {"PriceLists": []}]]),
        json!([["get_attribute_values", {"AttributeValues": ["General Purpose"]}]]),
    ] {
        assert!(!check(&wrong).status.success(), "{wrong}");
    }
}
