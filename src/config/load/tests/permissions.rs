//! Permissions and managed policies.

use super::*;

/// Returns the problems of an agent with this permission, each with the marked text.
fn problems_of_permission(permission: &str) -> Vec<(String, String)> {
    let text = format!(
        "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a]\npermissions = [{permission}]\n"
    );
    let Err(failure) = load(&[manifest(&text)], &Stage::None) else {
        return Vec::new();
    };
    failure
        .messages
        .into_iter()
        .map(|message| {
            let at = message.at.unwrap();
            (message.what, at.text[at.span].to_owned())
        })
        .collect()
}

#[test]
fn each_problem_of_an_allowed_action_points_at_its_own_characters() {
    let cluster = "arn:aws:rds:us-west-2:123456789012:cluster";
    for (permission, wanted) in [
        (
            format!(
                r#"{{ allow = ["rds-data:*", "rds-data"], on = ["{cluster}:*", "*", "cluster"] }}"#
            ),
            vec![
                ("`rds-data:*` allows more than one action", "\"rds-data:*\""),
                ("invalid IAM action `rds-data`", "\"rds-data\""),
                ("covers every resource of a type", "cluster:*\""),
                ("`*` covers every resource", "\"*\""),
                ("invalid ARN `cluster`", "\"cluster\""),
            ],
        ),
        (
            r#"{ allow = [], reasn = "x" }"#.to_owned(),
            vec![
                ("`allow` is empty", "allow"),
                ("`allow` needs `on`", "allow"),
                (
                    "unknown key `reasn` beside `allow`; did you mean `reason`?",
                    "reasn",
                ),
            ],
        ),
        (
            r#"{ allow = "a:B", on = [1], reason = " " }"#.to_owned(),
            vec![
                ("`allow` must be a list of strings", "allow"),
                ("`on` must be a list of strings", "1"),
                ("`reason` must not be empty", "\" \""),
            ],
        ),
        (
            r#"{ allow = ["s3:TagResource"], on = ["arn:aws:s3:*:123456789012:bucket/b"] }"#
                .to_owned(),
            vec![
                ("`s3:TagResource` writes tags", "\"s3:TagResource\""),
                ("covers more than one region", "bucket/b\""),
            ],
        ),
        (
            "\"allow\"".to_owned(),
            vec![("`allow` is only for the table", "\"allow\"")],
        ),
    ] {
        let found = problems_of_permission(&permission);
        assert_eq!(found.len(), wanted.len(), "{permission}: {found:#?}");
        for ((what, at), (said, place)) in found.iter().zip(wanted) {
            assert!(what.contains(said), "{said}: {what}");
            assert!(at.ends_with(place), "{said}: {at}");
        }
    }
}

#[test]
fn a_reason_lets_an_action_reach_further_but_never_be_a_pattern() {
    let broad = |action: &str, reason: &str| {
        problems_of_permission(&format!(
            r#"{{ allow = ["{action}"], on = ["*"]{reason} }}"#
        ))
    };
    let because = ", reason = \"nightly report\"";
    for action in [
        "textract:DetectDocumentText",
        "iam:GetUser",
        "ec2:CreateTags",
        "cloudwatch:PutMetricData",
    ] {
        assert_eq!(broad(action, because), [], "{action}");
        assert!(!broad(action, "").is_empty(), "{action}");
    }
    for action in ["*", "iam:*", "s3:Get*", "s3:GetObjec?"] {
        assert!(!broad(action, because).is_empty(), "{action}");
    }
}

#[test]
fn managed_policies_are_names_and_arns_and_each_counts_once() {
    let of = |list: &str| {
        format!(
            "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a]\nmanaged-policies = [{list}]\n"
        )
    };
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let config = loaded(&of(&format!("\"Reports\", \"{arn}\", \"Reports\"")));
    let RoleSettings::Managed { policies, .. } = &config.agents[0].role else {
        panic!("managed")
    };
    let wanted = [
        ManagedPolicy::Name("Reports".into()),
        ManagedPolicy::Arn(arn.into()),
    ];
    assert_eq!(*policies, wanted.into());
    for wrong in [
        "a b",
        "arn:aws:iam::aws:policy/",
        "arn:aws:iam::aws:role/x",
        "*",
        "",
    ] {
        assert_eq!(problems(&of(&format!("\"{wrong}\""))).len(), 1, "{wrong}");
    }
    let many: Vec<String> = (0..21).map(|n| format!("\"P{n}\"")).collect();
    assert_eq!(problems(&of(&many.join(", "))).len(), 1);
}
