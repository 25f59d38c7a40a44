use proptest::prelude::*;

use super::*;
use crate::names::is_hidden;

#[test]
fn an_arn_holds_only_what_can_be_seen_and_stands_for_itself() {
    let secret = |value: &str| Permission::valued("secret", value, None).is_ok();
    let objects = |value: &str| Permission::valued("s3", value, None).is_ok();
    let place = "arn:aws:secretsmanager:us-west-2:123456789012:secret";
    for name in [
        "db-AbCdEf",
        "team/db_1+=.@-AbCdEf",
        "identity!default/x-AbCdEf",
    ] {
        assert!(secret(&format!("{place}:{name}")), "{name}");
    }
    for name in [
        "db\u{202e}-AbCdEf",
        "d\nb-AbCdEf",
        "d*-AbCdEf",
        "${aws:username}-AbCdEf",
        "dü-AbCdEf",
        "db",
    ] {
        assert!(!secret(&format!("{place}:{name}")), "{name}");
    }
    assert!(!secret(
        "arn:awsx:secretsmanager:us-west-2:123456789012:secret:db-AbCdEf"
    ));
    assert!(!secret(
        "arn:aws:secretsmanager:*:123456789012:secret:db-AbCdEf"
    ));
    assert!(!secret(
        "arn:aws:secretsmanager:us-west-2:1234567890ab:secret:db-AbCdEf"
    ));
    for path in [
        "bucket/*",
        "my.bucket-1/prefix/*",
        "bucket/a/b.txt",
        "bucket/größe/*",
    ] {
        assert!(objects(&format!("arn:aws:s3:::{path}")), "{path}");
    }
    for path in [
        "bucket/a\u{202e}b/*",
        "bucket/a\u{ad}b",
        "bucket/a\tb",
        "bucket/a b",
        "bucket/東京",
        "buc\u{200b}ket/*",
        "buc*/x",
        "bucket/${aws:username}/*",
        "bucket/",
        "bucket",
    ] {
        assert!(!objects(&format!("arn:aws:s3:::{path}")), "{path}");
    }
}

/// Valid and invalid names for each service.
#[test]
fn a_name_follows_the_rule_of_its_service() {
    let long = "n".repeat(256);
    let deep = "/a".repeat(15);
    let arn = |service: &str, resource: &str| {
        format!("arn:aws:{service}:eu-west-1:210987654321:{resource}")
    };
    let right: [(&str, Vec<String>); 7] = [
        (
            "inference-profile",
            vec![
                "a1b2c3d4e5f6".into(),
                arn("bedrock", "application-inference-profile/a1b2c3d4e5f6"),
            ],
        ),
        (
            "knowledge-base",
            vec![
                "KB12345678".into(),
                arn("bedrock", "knowledge-base/KB12345678"),
            ],
        ),
        (
            "dynamodb",
            vec![
                "abc".into(),
                "My_table.2-b".into(),
                arn("dynamodb", "table/orders"),
            ],
        ),
        (
            "ssm",
            vec![
                "name".into(),
                "/app/db/host".into(),
                "/app/*".into(),
                deep.clone(),
                "/aws/service/ami/*".into(),
                arn("ssm", "parameter/app/*"),
                "arn:aws:ssm:us-west-2::parameter/aws/service/ami".into(),
            ],
        ),
        (
            "sqs",
            vec![
                "jobs".into(),
                "jobs.fifo".into(),
                "n".repeat(80),
                arn("sqs", "jobs"),
            ],
        ),
        (
            "sns",
            vec![
                "news".into(),
                "news.fifo".into(),
                long.clone(),
                "arn:aws-cn:sns:cn-north-1:210987654321:news".into(),
            ],
        ),
        (
            "lambda",
            vec![
                "f".into(),
                "my_f-1:live".into(),
                "f:$LATEST".into(),
                arn("lambda", "function:f:12"),
            ],
        ),
    ];
    for (key, values) in &right {
        for value in values {
            assert!(
                Permission::valued(key, value, None).is_ok(),
                "{key} {value}"
            );
        }
    }
    let wrong: [(&str, Vec<String>); 7] = [
        (
            "inference-profile",
            vec![
                "us.anthropic.claude-sonnet-4-6".into(),
                "a/b".into(),
                arn("bedrock", "inference-profile/us.x.y"),
            ],
        ),
        (
            "knowledge-base",
            vec![
                "KB1234567".into(),
                "KB-1234567".into(),
                arn("bedrock", "knowledge-base/*"),
            ],
        ),
        (
            "dynamodb",
            vec![
                "ab".into(),
                "orders*".into(),
                "orders/index/x".into(),
                arn("dynamodb", "table/*"),
                arn("sqs", "orders"),
                long,
            ],
        ),
        (
            "ssm",
            vec![
                "/".into(),
                "/*".into(),
                "*".into(),
                "app/*".into(),
                "a/b".into(),
                "/app/".into(),
                "/app/*/x".into(),
                "/a//b".into(),
                "/app/db*".into(),
                "/app:3".into(),
                format!("{deep}/a"),
                arn("ssm", "parameter/*"),
                "arn:aws:ssm:us-west-2::parameter/app".into(),
            ],
        ),
        (
            "sqs",
            vec![
                "a.b".into(),
                ".fifo".into(),
                "n".repeat(81),
                "https://sqs.us-west-2.amazonaws.com/1/q".into(),
                arn("sqs", "a:b"),
            ],
        ),
        (
            "sns",
            vec![
                "a b".into(),
                "*".into(),
                "arn:aws:sns:*:210987654321:news".into(),
                "arn:aws:sns:us-west-2:*:news".into(),
            ],
        ),
        (
            "lambda",
            vec![
                "f:*".into(),
                "a:b:c".into(),
                "f:".into(),
                arn("lambda", "f"),
                "${aws:username}".into(),
            ],
        ),
    ];
    for (key, values) in &wrong {
        for value in values {
            assert!(
                Permission::valued(key, value, None).is_err(),
                "{key} {value}"
            );
        }
    }
}

#[test]
fn access_is_the_least_unless_it_is_declared() {
    let table = |access| Permission::valued("dynamodb", "orders", access);
    let queue = |access| Permission::valued("sqs", "jobs", access);
    let is = |text: &str| Permission::from_flag(text).unwrap().to_toml().to_string();
    assert_eq!(
        is("dynamodb=orders"),
        "{ dynamodb = \"orders\", access = \"read\" }"
    );
    assert_eq!(is("sqs=jobs"), "{ sqs = \"jobs\", access = \"send\" }");
    assert!(table(Some("read-write")).is_ok() && queue(Some("send-receive")).is_ok());
    assert!(queue(Some("receive")).is_ok());
    for wrong in [
        table(Some("send")),
        queue(Some("read")),
        Permission::valued("sns", "news", Some("send")),
    ] {
        assert!(matches!(wrong, Err(Wrong::Access(_))), "{wrong:?}");
    }
}

#[test]
fn a_profile_of_aws_is_a_model() {
    let of_aws =
        "arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6";
    for value in ["us.anthropic.claude-sonnet-4-6", of_aws] {
        assert_eq!(
            Permission::from_flag(&format!("inference-profile={value}")),
            Err("`us.anthropic.claude-sonnet-4-6` is not an application inference profile: list it under `models`".to_owned())
        );
    }
}

proptest! {
    #[test]
    fn no_value_with_a_hidden_character_is_taken(
        key in proptest::sample::select(VALUED.to_vec()),
        hidden in any::<char>().prop_filter("hidden", |c| is_hidden(*c)),
        value in "(arn:aws:s3:::bucket/a|arn:aws:secretsmanager:us-west-2:123456789012:secret:db-AbCdEf|arn:aws:dynamodb:us-west-2:123456789012:table/abc|arn:aws:sns:us-west-2:123456789012:abc|/a/b|abcdefghi|a)",
        at in any::<prop::sample::Index>(),
    ) {
        let mut text = value;
        text.insert(at.index(text.len() + 1), hidden);
        prop_assert!(Permission::valued(key, &text, None).is_err(), "{text:?}");
    }
}
