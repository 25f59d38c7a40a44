//! What answers for models on this machine.

use super::*;

#[test]
fn what_answers_for_models_here_is_read_from_the_project_and_a_packages_own_wins() {
    let workspace = "[workspace.metadata.agentcore]\nproject = \"p\"\nprofile = \"dev\"\n\
                     [workspace.metadata.agentcore.local]\nmodels = \"aws\"\n\
                     [workspace.metadata.agentcore.agents.a]\nsource = \"a\"\nprofile = \"other\"\n";
    let package = "[package.metadata.agentcore.local]\nmodels = \"http://127.0.0.1:1\"\n\
                   [package.metadata.agentcore.agents.b]\nsource = \"b\"\n";
    let package = Manifest::new("/real/fake/b/Cargo.toml", package);
    let config = load(&[manifest(workspace), package], &Stage::Local).unwrap();
    let [a, b] = &config.agents[..] else {
        panic!("two agents")
    };
    assert_eq!(a.local.models, LocalModels::Aws);
    assert_eq!(b.local.models.to_string(), "http://127.0.0.1:1/v1");
    // An agent's own profile is for its runtime; the models belong to the project.
    assert_eq!(a.local.profile.as_deref(), Some("dev"));
    assert_eq!(loaded(WHOLE).agents[0].local.models, LocalModels::Emulator);
}

#[test]
fn a_mistake_in_the_local_table_points_at_its_place() {
    let text = "[workspace.metadata.agentcore]\nproject = \"p\"\n\
                [workspace.metadata.agentcore.local]\nmodel = \"aws\"\n\
                [workspace.metadata.agentcore.agents.a]\n";
    let found = problems(text);
    assert_eq!(
        found,
        [(
            "unknown key `model` in `[workspace.metadata.agentcore.local]`".to_owned(),
            "model".to_owned()
        )]
    );
    let found = problems(&text.replace("model = \"aws\"", "models = 1"));
    assert!(found[0].0.ends_with("must be a string"), "{found:?}");
}
