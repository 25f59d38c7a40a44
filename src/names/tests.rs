use super::*;

#[test]
fn an_agent_name_holds_no_hyphen_and_at_most_48_characters() {
    assert!(AgentName::parse("my_agent").is_ok());
    assert!(AgentName::parse(&"a".repeat(48)).is_ok());
    for wrong in ["", "my-agent", "1agent", "_agent", "ägent", &"a".repeat(49)] {
        assert!(AgentName::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_iam_path_stands_for_itself_in_a_policy() {
    for right in ["/", "/agents/", "/a/b.c_+=,@-/", "/$/"] {
        assert!(IamPath::parse(right).is_ok(), "{right}");
    }
    let long = format!("/{}/", "a".repeat(511));
    for wrong in [
        "",
        "agents",
        "/agents",
        "/*/",
        "/a?/",
        "/${aws:username}/",
        "/a b/",
        "/\u{202e}/",
        "/a\n/",
        &long,
    ] {
        assert!(IamPath::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_endpoint_url_has_a_scheme_and_a_host() {
    for right in [
        "http://localhost:4566",
        "https://vpce-1.example.com",
        "http://127.0.0.1:1/base",
        "http://[::1]:8080/",
    ] {
        assert!(EndpointUrl::parse(right).is_ok(), "{right}");
    }
    for wrong in [
        "",
        "notaurl",
        "localhost:4566",
        "ftp://host",
        "http://",
        "http:///path",
        "http://:80",
        "http://host:port",
        "http://host:70000",
        "http://host:",
        "http://[::1",
        "http://[x]",
        "http://a b",
        "http://user:secret@host",
        "http://host?x",
    ] {
        assert!(EndpointUrl::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_length_of_a_runtime_name_is_checked_after_joining() {
    let agent = AgentName::parse(&"a".repeat(45)).unwrap();
    let stage = StageName::parse("prod").unwrap();
    assert!(RuntimeName::of(&agent, None).is_ok());
    assert!(RuntimeName::of(&agent, Some(&stage)).is_err());
}

#[test]
fn a_region_tells_its_partition_and_unknown_regions_are_accepted() {
    assert_eq!(
        Region::parse("us-gov-west-1").unwrap().partition(),
        Partition::AwsUsGov
    );
    assert_eq!(
        Region::parse("mx-central-1").unwrap().partition(),
        Partition::Aws
    );
    for wrong in [
        "us-west",
        "US-WEST-2",
        "us_west_2",
        "us-west-",
        "",
        "us-west-2a b",
    ] {
        assert!(Region::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_region_that_is_not_known_may_be_a_slip_and_may_be_new() {
    let near = |text| Region::parse(text).unwrap().near();
    assert_eq!(near("us-west-2"), None);
    assert_eq!(near("us-wst-2"), Some("us-west-2"));
    assert_eq!(near("eu-cental-1"), Some("eu-central-1"));
    assert_eq!(near("xx-somewhere-1"), None);
    let slip = |text| Region::parse(text).unwrap().slip();
    assert_eq!(slip("us-esat-1"), Some("us-east-1"));
    assert_eq!(slip("eu-cental-1"), Some("eu-central-1"));
    assert_eq!(slip("ue-west-1"), Some("eu-west-1"));
    assert_eq!(slip("us-west-2"), None);
    assert_eq!(slip("us-east-3"), None);
    assert_eq!(slip("eu-east-1"), None);
    assert_eq!(slip("nz-south-1"), None);
    assert_eq!(slip("xx-somewhere-1"), None);
    assert_eq!(Region::like("us_west_2"), Some("us-west-2"));
    assert_eq!(Region::like("uswest2"), Some("us-west-2"));
    assert_eq!(Region::like("Ohio"), None);
}

#[test]
fn an_error_names_the_text_and_the_rule() {
    let error = AccountId::parse("12345").unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid account ID `12345`: expected twelve digits"
    );
}
