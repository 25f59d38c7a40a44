//! Maps a signed request to the permissions that AWS would check: the IAM action, the resource, the
//! condition keys. Uses tables per protocol; no network.

use std::collections::BTreeMap;

use hyper::{Request, body::Bytes};
use serde_json::Value;

use super::{agentcore_actions, s3_actions};

/// A permission that a request needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// Such as `iam:CreateRole`; `<service>:?` for an unknown request.
    pub action: String,
    /// An ARN, or `*` if the action has no resource type.
    pub resource: String,
    /// The request's parameters; nested names are joined with dots.
    pub parameters: BTreeMap<String, String>,
    /// The condition keys that the request itself determines.
    pub keys: BTreeMap<String, String>,
    /// True for a permission that AWS checks in addition to the called action, such as
    /// `iam:PassRole`.
    pub implied: bool,
}

/// A request and the fields of its signature.
pub struct Asked {
    pub service: String,
    pub region: String,
    pub account: String,
    pub access_key: String,
    pub method: String,
    /// Without a trailing slash; still percent-encoded.
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub target: Option<String>,
    /// The headers that affect permissions and count attempts, in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Bytes,
}

/// `attempt=2; max=6`
const ATTEMPT: &str = "amz-sdk-request";

impl Asked {
    /// `account` is the emulator's account, because requests do not contain it.
    pub fn new(request: &Request<Bytes>, account: &str) -> Self {
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        // Credential=<key>/<date>/<region>/<service>/aws4_request
        let scope: Vec<&str> = header("authorization")
            .and_then(|value| value.split_once("Credential="))
            .map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or_default())
            .unwrap_or_default()
            .split('/')
            .collect();
        let part = |at: usize| scope.get(at).copied().unwrap_or_default().to_owned();
        Self {
            service: part(3),
            region: part(2),
            account: account.to_owned(),
            access_key: part(0),
            method: request.method().to_string(),
            path: request.uri().path().trim_end_matches('/').to_owned(),
            query: pairs(request.uri().query().unwrap_or_default()),
            target: header("x-amz-target").map(str::to_owned),
            headers: [s3_actions::COPY_SOURCE, agentcore_actions::USER, ATTEMPT]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), header(name)?.to_owned())))
                .collect(),
            body: request.body().clone(),
        }
    }

    /// Returns the number of the attempt, starting with 1.
    pub fn attempt(&self) -> usize {
        let said = self.headers.get(ATTEMPT).map_or("", String::as_str);
        let mut parts = said.split("; ");
        let number = parts.find_map(|part| part.strip_prefix("attempt="));
        number.map_or(1, |number| number.parse().unwrap())
    }

    pub fn partition(&self) -> &str {
        if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else if self.region.starts_with("cn-") {
            "aws-cn"
        } else {
            "aws"
        }
    }

    /// Returns an ARN in the request's partition, region and account.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let (partition, region, account) = (self.partition(), &self.region, &self.account);
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    pub fn iam_arn(&self, resource: &str) -> String {
        let (partition, account) = (self.partition(), &self.account);
        format!("arn:{partition}:iam::{account}:{resource}")
    }

    /// Returns the body as JSON, `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns every permission that the request needs, the called action first. `roles` are the
    /// ARNs of the roles seen so far, by name, because requests name a role without its path.
    pub fn calls(&self, roles: &BTreeMap<String, String>) -> Vec<Call> {
        if let Some(call) = self.registry_call() {
            return vec![call];
        }
        match self.service.as_str() {
            "iam" | "sts" => self.query_calls(roles),
            "ecr" | "logs" | "codebuild" => self.target_calls(),
            "bedrock-agentcore" => agentcore_actions::calls(self),
            "s3" => s3_actions::calls(self),
            // The path is the operation, and account-wide settings have no ARN.
            "xray" => vec![self.call(self.path.trim_start_matches('/'), "*", flat(&self.json()))],
            _ => vec![self.unknown()],
        }
    }

    /// Returns the permission that ECR checks for a request of the registry protocol, which has no
    /// signature and so no region.
    fn registry_call(&self) -> Option<Call> {
        let rest = self.path.strip_prefix("/v2")?;
        if !self.service.is_empty() {
            return None;
        }
        let (name, operation) = match (self.method.as_str(), rest) {
            (_, "") => return Some(self.of_ecr("GetAuthorizationToken", "*".to_owned())),
            ("POST", _) => (rest.strip_suffix("/blobs/uploads")?, "InitiateLayerUpload"),
            ("PUT", _) if rest.contains("/blobs/uploads/") => {
                (rest.split_once("/blobs/")?.0, "CompleteLayerUpload")
            }
            ("PUT", _) => (rest.split_once("/manifests/")?.0, "PutImage"),
            ("HEAD", _) if rest.contains("/blobs/") => {
                (rest.split_once("/blobs/")?.0, "BatchCheckLayerAvailability")
            }
            (_, _) if rest.contains("/blobs/") => {
                (rest.split_once("/blobs/")?.0, "GetDownloadUrlForLayer")
            }
            (_, _) => (rest.split_once("/manifests/")?.0, "BatchGetImage"),
        };
        let arn = format!("arn:aws:ecr:us-east-1:{}:repository{name}", self.account);
        Some(self.of_ecr(operation, arn))
    }

    fn of_ecr(&self, operation: &str, resource: String) -> Call {
        Call {
            action: format!("ecr:{operation}"),
            ..self.call(operation, resource, BTreeMap::new())
        }
    }

    pub fn unknown(&self) -> Call {
        let what = format!("{} {}", self.method, self.path);
        self.call("?", what, BTreeMap::new())
    }

    pub fn call(
        &self,
        operation: &str,
        resource: impl Into<String>,
        parameters: BTreeMap<String, String>,
    ) -> Call {
        Call {
            action: format!("{}:{operation}", self.service),
            resource: resource.into(),
            parameters,
            keys: BTreeMap::new(),
            implied: false,
        }
    }

    fn query_calls(&self, roles: &BTreeMap<String, String>) -> Vec<Call> {
        let parameters = pairs(&String::from_utf8_lossy(&self.body));
        let Some(operation) = parameters.get("Action").cloned() else {
            return vec![self.unknown()];
        };
        let text = |name: &str| parameters.get(name).map(String::as_str);
        let resource = match (text("RoleName"), operation.as_str()) {
            (Some(name), "CreateRole") => {
                self.iam_arn(&format!("role{}{name}", text("Path").unwrap_or("/")))
            }
            (Some(name), _) => roles
                .get(name)
                .cloned()
                .unwrap_or_else(|| self.iam_arn(&format!("role/{name}"))),
            (None, _) => text("PolicyArn")
                .or(text("PolicySourceArn"))
                .unwrap_or("*")
                .to_owned(),
        };
        let mut call = self.call(&operation, resource, parameters.clone());
        for at in 1.. {
            let Some(key) = text(&format!("Tags.member.{at}.Key")) else {
                break;
            };
            let value = text(&format!("Tags.member.{at}.Value")).unwrap_or_default();
            call.keys
                .insert(format!("aws:RequestTag/{key}"), value.to_owned());
        }
        call.keys.extend(tag_keys(&call.keys));
        if let Some(boundary) = text("PermissionsBoundary") {
            call.keys
                .insert("iam:PermissionsBoundary".into(), boundary.to_owned());
        }
        if let Some(policy) = text("PolicyArn").filter(|_| operation.ends_with("RolePolicy")) {
            call.keys.insert("iam:PolicyARN".into(), policy.to_owned());
        }
        let tags_the_role =
            operation == "CreateRole" && parameters.contains_key("Tags.member.1.Key");
        let mut calls = vec![call];
        if tags_the_role {
            calls.push(Call {
                action: "iam:TagRole".into(),
                implied: true,
                ..calls[0].clone()
            });
        }
        calls
    }

    fn target_calls(&self) -> Vec<Call> {
        let Some((_, operation)) = self.target.as_deref().and_then(|t| t.split_once('.')) else {
            return vec![self.unknown()];
        };
        let body = self.json();
        let resources: Vec<String> = if let Some(arn) = body["resourceArn"].as_str() {
            vec![arn.to_owned()]
        } else if self.service == "ecr" {
            self.repositories(&body, operation)
        } else if self.service == "codebuild" {
            vec![self.build_project(&body)]
        } else {
            vec![self.log_group(&body)]
        };
        let mut calls: Vec<Call> = resources
            .into_iter()
            .map(|resource| self.call(operation, resource, flat(&body)))
            .collect();
        for call in &mut calls {
            call.keys = request_tags(&body);
        }
        calls
    }

    fn repositories(&self, body: &Value, operation: &str) -> Vec<String> {
        let arn = |name: &str| self.arn("ecr", &format!("repository/{name}"));
        if let Some(name) = body["repositoryName"].as_str() {
            vec![arn(name)]
        } else if let Some(names) = body["repositoryNames"].as_array() {
            names.iter().filter_map(Value::as_str).map(arn).collect()
        } else if operation == "DescribeRepositories" {
            vec![arn("*")]
        } else {
            vec!["*".to_owned()]
        }
    }

    /// The ID of a build starts with the name of its project.
    fn build_project(&self, body: &Value) -> String {
        let ways = ["/name", "/projectName", "/names/0", "/id", "/ids/0"];
        let name = ways.iter().find_map(|way| body.pointer(way)?.as_str());
        let name = name.and_then(|name| name.split(':').next());
        self.arn(
            "codebuild",
            &format!("project/{}", name.unwrap_or_default()),
        )
    }

    fn log_group(&self, body: &Value) -> String {
        let group = body["logGroupName"]
            .as_str()
            .or(body["logGroupIdentifier"].as_str());
        match (group, body["logStreamName"].as_str()) {
            (Some(group), _) if group.starts_with("arn:") => group.to_owned(),
            (Some(group), None) => self.arn("logs", &format!("log-group:{group}")),
            (Some(group), Some(stream)) => {
                self.arn("logs", &format!("log-group:{group}:log-stream:{stream}"))
            }
            (None, _) => "*".to_owned(),
        }
    }
}

/// Returns the condition keys of the tags in a JSON request, in either of the two shapes.
pub fn request_tags(body: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    match &body["tags"] {
        Value::Object(tags) => {
            for (key, value) in tags {
                let value = value.as_str().unwrap_or_default();
                found.insert(format!("aws:RequestTag/{key}"), value.to_owned());
            }
        }
        Value::Array(tags) => {
            for tag in tags {
                if let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) {
                    found.insert(format!("aws:RequestTag/{key}"), value.to_owned());
                }
            }
        }
        _ => {}
    }
    let keys = tag_keys(&found);
    found.extend(keys);
    found
}

/// Returns the keys of the tags in a request, one per line.
fn tag_keys(tags: &BTreeMap<String, String>) -> Option<(String, String)> {
    let keys = tags
        .keys()
        .filter_map(|key| key.strip_prefix("aws:RequestTag/"));
    let keys: Vec<&str> = keys.collect();
    (!keys.is_empty()).then(|| ("aws:TagKeys".to_owned(), keys.join("\n")))
}

/// Returns the leaves of a document by their dotted paths.
pub fn flat(value: &Value) -> BTreeMap<String, String> {
    fn walk(value: &Value, path: &str, found: &mut BTreeMap<String, String>) {
        let below = |key: &str| match path {
            "" => key.to_owned(),
            _ => format!("{path}.{key}"),
        };
        match value {
            Value::Null => {}
            Value::Object(fields) => {
                for (key, value) in fields {
                    walk(value, &below(key), found);
                }
            }
            Value::Array(items) => {
                for (at, value) in items.iter().enumerate() {
                    walk(value, &below(&at.to_string()), found);
                }
            }
            Value::String(text) => {
                found.insert(path.to_owned(), text.clone());
            }
            other => {
                found.insert(path.to_owned(), other.to_string());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(value, "", &mut found);
    found
}

/// Parses `a=b&c` in a query or a form.
pub fn pairs(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form(name), form(value))
        })
        .collect()
}

fn form(text: &str) -> String {
    decoded(&text.replace('+', " "))
}

/// Decodes percent-encoding.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match hex {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
