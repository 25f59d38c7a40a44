//! The policy does not allow taking over another project's role with any request.

use std::collections::BTreeMap;

use super::{agent, declare_tags, document};
use crate::support::{Ministack, boto3};

/// Someone with the policy tries, without this tool, to get control of another project's role.
/// `None` means that the attempt was allowed.
const ATTEMPTS: &str = r#"
document = json.loads('''DOCUMENT''')
iam = client("iam")
iam.create_user(UserName="deployer")
iam.put_user_policy(UserName="deployer", PolicyName="p", PolicyDocument=json.dumps(document))
key = iam.create_access_key(UserName="deployer")["AccessKey"]
own = boto3.client("iam", region_name="us-east-1", endpoint_url=endpoint,
    aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})
admin = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
name, project = "AgentCoreRole-one", "cargo-agentcore:project"
OURS, THEIRS = "test-project-7k2qpx", "other-project-abcdef"

def tags(**more):
    return [{"Key": key, "Value": value} for key, value in more.items()]

def made(value):
    try:
        iam.delete_role(RoleName=name)
    except iam.exceptions.NoSuchEntityException:
        pass
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=tags(**({project: value} if value else {})))

tried = {}
def attempt(what, call, **request):
    try:
        getattr(own, call)(RoleName=name, **request)
        tried[what] = "allowed"
    except own.exceptions.ClientError as error:
        tried[what] = error.response["Error"]["Code"]

made(THEIRS)
attempt("theirs: tag", "tag_role", Tags=tags(**{project: OURS}))
attempt("theirs: untag", "untag_role", TagKeys=[project])
attempt("theirs: policy", "put_role_policy", PolicyName="AgentCore-us-east-1", PolicyDocument=admin)
attempt("theirs: trust", "update_assume_role_policy", PolicyDocument=trust)
attempt("theirs: delete", "delete_role")

made(None)
attempt("nobody's: another project", "tag_role", Tags=tags(**{project: THEIRS}))
attempt("nobody's: a key of its own", "tag_role", Tags=tags(**{project: OURS, "admin": "true"}))
attempt("nobody's: policy", "put_role_policy", PolicyName="AgentCore-us-east-1", PolicyDocument=admin)
attempt("nobody's: ours", "tag_role", Tags=tags(**{project: OURS, "team": "x"}))

attempt("ours: another project", "tag_role", Tags=tags(**{project: THEIRS}))
attempt("ours: declared", "tag_role", Tags=tags(team="y"))
attempt("ours: a key of its own", "tag_role", Tags=tags(admin="true"))
print(json.dumps(tried))
"#;

#[test]
fn another_projects_role_is_not_taken_over_with_the_document() {
    let emulator = Ministack::start_with(&[("AUTH", "true")]);
    let project = agent();
    declare_tags(&project, "{ team = \"x\" }");
    let document = document(&project, emulator.account()).to_string();
    let tried = boto3(&emulator, &ATTEMPTS.replace("DOCUMENT", &document));
    let tried: BTreeMap<String, String> = serde_json::from_str(&tried).unwrap();
    assert_eq!(tried.len(), 12);
    for (what, outcome) in &tried {
        let expected = match what.as_str() {
            "nobody's: ours" | "ours: declared" => "allowed",
            _ => "AccessDenied",
        };
        assert_eq!(outcome, expected, "{what}: {tried:#?}");
    }
}
