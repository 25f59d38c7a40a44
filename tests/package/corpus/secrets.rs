//! Files that must not be shipped.
#![expect(clippy::too_many_lines, reason = "the functions are tables")]

use super::{Case, KEY_ID, UPPER, armored, aws_secret, base64, hex, key_id, made, token, utf16};

/// Returns files of which none may be shipped.
pub fn secrets() -> Vec<Case> {
    let mut cases = Vec::new();
    aws(&mut cases);
    keys(&mut cases);
    tokens(&mut cases);
    named(&mut cases);
    by_name(&mut cases);
    cases
}

fn aws(cases: &mut Vec<Case>) {
    let (id, secret) = (key_id(), aws_secret());
    let mut add = |path, content: String| cases.push((path, content.into_bytes()));
    add(
        "credentials",
        format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"),
    );
    add(
        "credentials.json",
        format!("{{\"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"{secret}\"}}"),
    );
    add(
        "only-secret.json",
        format!("{{\"aws\": {{\"secretAccessKey\":\"{secret}\"}}}}"),
    );
    add(
        "sts.json",
        format!(
            "{{\"Credentials\": {{\n \"AccessKeyId\": \"ASIA{}\",\n \"SecretAccessKey\": \"{secret}\"}}}}",
            made(KEY_ID, 16)
        ),
    );
    add(
        "config.yaml",
        format!("aws:\n  access_key_id: {id}\n  secret_access_key: {secret}\n"),
    );
    add(
        "pod.yaml",
        format!("env:\n  - name: AWS_SECRET_ACCESS_KEY\n    value: \"{secret}\"\n"),
    );
    add(
        "compose.yaml",
        format!("services:\n  app:\n    environment:\n      - AWS_SECRET_ACCESS_KEY={secret}\n"),
    );
    add(
        "docker-compose.yml",
        format!("services:\n  app:\n    environment:\n      AWS_SECRET_ACCESS_KEY: {secret}\n"),
    );
    add(
        "Dockerfile",
        format!("FROM scratch\nENV AWS_SECRET_ACCESS_KEY {secret}\n"),
    );
    add(
        "Containerfile",
        format!("FROM scratch\nARG AWS_SECRET_ACCESS_KEY=\"{secret}\"\n"),
    );
    add(
        "analysis.ipynb",
        format!(
            "{{\"cells\": [{{\"source\": [\"aws_secret_access_key = \\\"{secret}\\\"\\n\"]}}]}}"
        ),
    );
    add(
        "client.ipynb",
        format!(
            "{{\"source\": [\"boto3.client('s3', aws_access_key_id='{id}',\\n\", \" aws_secret_access_key='{secret}')\"]}}"
        ),
    );
    add(
        "new_user.csv",
        format!(
            "User name,Password,Access key ID,Secret access key,Console login link\nbob,,{id},{secret},\n"
        ),
    );
    add(
        "keys.csv",
        format!("Access key ID,Secret access key\r\n{id},{secret}\r\n"),
    );
    add("keys.tsv", format!("{id}\t{secret}\n"));
    add(
        "main.tf",
        format!("provider \"aws\" {{\n  access_key = \"{id}\"\n  secret_key = \"{secret}\"\n}}\n"),
    );
    add(
        "login.sh",
        format!("export AWS_SECRET_ACCESS_KEY=\"{secret}\"\n"),
    );
    add(
        "login.ps1",
        format!("$env:AWS_SECRET_ACCESS_KEY = '{secret}'\n"),
    );
    add(
        "login.bat",
        format!("set AWS_SECRET_ACCESS_KEY={secret}\r\n"),
    );
    add(
        "login.fish",
        format!("set -x AWS_SECRET_ACCESS_KEY {secret}\n"),
    );
    add(
        "core-site.xml",
        format!("<name>fs.s3a.secret.key</name>\n<value>{secret}</value>\n"),
    );
    add(
        "keys.xml",
        format!("<AccessKey><SecretAccessKey>{secret}</SecretAccessKey></AccessKey>"),
    );
    add(
        "app.properties",
        format!("cloud.aws.credentials.secretKey={secret}\n"),
    );
    add(
        "settings.toml",
        format!("[aws]\naws_secret_access_key = \"{secret}\"\n"),
    );
    add(
        "notes.md",
        format!("The key is {id}, the secret `{secret}`.\n"),
    );
    add("notes.txt", format!("Secret access key: {secret}\n"));
    add("chat.log", format!("12:00 bob: try {id}:{secret} please\n"));
    add(
        "dump.sql",
        format!("INSERT INTO keys VALUES ('{id}', '{secret}');\n"),
    );
    add(
        "Makefile",
        format!("deploy:\n\tAWS_SECRET_ACCESS_KEY={secret} make push\n"),
    );
    add(
        "large.json",
        format!(
            "{{\"rows\": [{}], \"secretAccessKey\": \"{secret}\"}}",
            "[1, 2, 3], ".repeat(60_000)
        ),
    );
    add("bedrock.txt", format!("{}{}{}\n", "AB", "SK", token(132)));
    cases.push((
        "utf16-le.txt",
        utf16(
            &format!("[default]\r\naws_secret_access_key = {secret}\r\n"),
            false,
        ),
    ));
    cases.push((
        "utf16-be.json",
        utf16(&format!("{{\"SecretAccessKey\": \"{secret}\"}}"), true),
    ));
}

fn keys(cases: &mut Vec<Case>) {
    let mut add = |path, content: String| cases.push((path, content.into_bytes()));
    let pem = armored("PRIVATE KEY");
    add("deploy_key", armored("OPENSSH PRIVATE KEY"));
    add("server.pem", pem.clone());
    add(
        "bag.txt",
        format!("friendlyName: x\n{}", armored("RSA PRIVATE KEY")),
    );
    add("ec.txt", format!("# key\n{}", armored("EC PRIVATE KEY")));
    add(
        "locked.txt",
        format!("# key\n{}", armored("ENCRYPTED PRIVATE KEY")),
    );
    add("pgp.asc", armored("PGP PRIVATE KEY BLOCK"));
    add(
        "config.yml",
        format!("key: |\n    {}\n", pem.replace('\n', "\n    ")),
    );
    add(
        "key.json",
        format!("{{\"key\": \"{}\"}}", pem.replace('\n', "\\n")),
    );
    add("README.md", format!("# Key\n\n{pem}"));
    add("late.txt", format!("{}{pem}", "nothing\n".repeat(200_000)));
    add("client.ovpn", format!("client\n<key>\n{pem}</key>\n"));
    add(
        "account.json",
        format!(
            "{{\"type\": \"service_account\", \"private_key\": \"{}\"}}",
            pem.replace('\n', "\\n")
        ),
    );
    add(
        "ssh2.txt",
        format!(
            "---- {} SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\n{}\n",
            "BEGIN",
            token(60)
        ),
    );
    add(
        "putty.txt",
        format!(
            "PuTTY-User-Key-{}-3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 2\n{}\n{}\nPrivate-Lines: 1\n{}\n",
            "File",
            token(64),
            token(60),
            token(48)
        ),
    );
    add("login.ppk", String::new());
    add(
        "jwk.json",
        format!(
            "{{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"{0}\", \"y\": \"{0}\", \"d\": \"{1}\"}}",
            token(43),
            token(44)
        ),
    );
    add(
        "jwks.json",
        format!(
            "{{\"keys\":[{{\"d\":\"{}\",\"n\":\"{}\",\"e\":\"AQAB\",\"kty\":\"RSA\"}}]}}",
            token(342),
            token(341)
        ),
    );
    add(
        "shared.jwk",
        format!("{{\"kty\":\"oct\",\"k\":\"{}\"}}", token(43)),
    );
    add(
        "age.txt",
        format!(
            "# created: 2026\nAGE-SECRET-{}-1{}\n",
            "KEY",
            made(UPPER, 58)
        ),
    );
    add(
        "wg0.conf",
        format!("[Interface]\nPrivateKey = {}=\n", token(43)),
    );
    add(
        "cluster.yaml",
        format!(
            "users:\n- user:\n    client-key-data: {}\n",
            base64(&armored("EC PRIVATE KEY"))
        ),
    );
    add(
        "admin.conf",
        format!(
            "users:\n- user:\n    client-key-data: {}\n",
            base64(&armored("RSA PRIVATE KEY"))
        ),
    );
    let utf16_key = utf16(&pem.replace('\n', "\r\n"), false);
    cases.push(("key-utf16.txt", utf16_key));
    let marked = [b"\xEF\xBB\xBF", armored("OPENSSH PRIVATE KEY").as_bytes()].concat();
    cases.push(("marked.txt", marked));
}

fn tokens(cases: &mut Vec<Case>) {
    let mut add = |path, content: String| cases.push((path, content.into_bytes()));
    for (path, prefix, rest) in [
        ("openai.json", "sk-pro|j-", token(120)),
        ("openai-old.txt", "s|k-", token(48)),
        ("anthropic.yaml", "sk-an|t-api03-", token(95)),
        ("openrouter.toml", "sk-o|r-v1-", hex(64)),
        (
            "langfuse.ini",
            "sk-l|f-",
            "3f2b8c1d-90a7-4e5f-b6c8-d1e2a7394b05".to_owned(),
        ),
        ("github.txt", "gh|p_", token(36)),
        ("github-oauth.txt", "gh|o_", token(36)),
        ("github-app.txt", "gh|s_", token(36)),
        (
            "github-fine.txt",
            "github_|pat_",
            format!("{}_{}", token(22), token(59)),
        ),
        ("gitlab.yml", "glp|at-", token(20)),
        ("gitlab-runner.toml", "glr|t-", token(20)),
        (
            "slack.json",
            "xox|b-",
            format!("2837465920-2837465921-{}", token(24)),
        ),
        (
            "slack-user.txt",
            "xox|p-",
            format!("2837465920-2837465921-{}", token(32)),
        ),
        (
            "slack-hook.yaml",
            "https://hooks.sl|ack.com/services/",
            format!("T{}/B{}/{}", made(UPPER, 9), made(UPPER, 10), token(24)),
        ),
        ("google.json", "AI|za", token(35)),
        ("google-client.txt", "GOC|SPX-", token(28)),
        ("google-access.txt", "ya|29.", token(120)),
        ("google-refresh.txt", "1/|/0", token(60)),
        ("npm.txt", "np|m_", token(36)),
        ("pypi.txt", "py|pi-", format!("AgE{}", token(120))),
        ("huggingface.txt", "h|f_", token(34)),
        ("stripe.txt", "sk_l|ive_", token(24)),
        (
            "sendgrid.txt",
            "S|G.",
            format!("{}.{}", token(22), token(43)),
        ),
        ("telegram.txt", "2837465921:A|A", token(33)),
        ("digitalocean.txt", "dop_|v1_", hex(64)),
        ("databricks.txt", "da|pi", hex(32)),
        ("vault.txt", "hv|s.", token(90)),
        ("terraform-cloud.txt", "Qx7bN2kLp9RtYz.atla|sv1.", token(67)),
        (
            "langsmith.txt",
            "lsv2|_pt_",
            format!("{}_{}", hex(32), hex(10)),
        ),
        ("groq.txt", "gs|k_", token(52)),
        ("xai.txt", "xa|i-", token(80)),
        ("perplexity.txt", "ppl|x-", token(48)),
        ("nvidia.txt", "nva|pi-", token(64)),
        ("replicate.txt", "r|8_", token(37)),
        ("tavily.txt", "tvl|y-dev-", token(32)),
        ("pinecone.txt", "pcs|k_", token(70)),
        ("e2b.txt", "e2|b_", hex(40)),
        ("firecrawl.txt", "f|c-", hex(32)),
        ("docker-hub.txt", "dckr_|pat_", token(27)),
        ("grafana.txt", "gls|a_", format!("{}_{}", token(32), hex(8))),
        ("supabase.txt", "sb|p_", hex(40)),
        ("shopify.txt", "shp|at_", hex(32)),
        ("linear.txt", "lin_|api_", token(40)),
        ("figma.txt", "fig|d_", token(40)),
        ("azure-ad.txt", "xY38|Q~", token(34)),
    ] {
        let whole = format!("{}{rest}", prefix.replace('|', ""));
        add(path, format!("# settings\ntoken: \"{whole}\"\n"));
    }
}

fn named(cases: &mut Vec<Case>) {
    let mut add = |path, content: String| cases.push((path, content.into_bytes()));
    add(
        "token.json",
        format!(
            "{{\"client_id\": \"x\", \"refresh_token\": \"{}\"}}",
            token(64)
        ),
    );
    add(
        "oauth.yaml",
        format!("oauth:\n  client_secret: {}\n", token(32)),
    );
    add(
        "oauth.env.txt",
        format!("OAUTH_CLIENT_SECRET={}\n", token(40)),
    );
    add(
        "client.json",
        format!("{{\"clientSecret\": \"{}\"}}", token(40)),
    );
    add(
        "session.json",
        format!("{{\"refreshToken\":\"{}\"}}", token(80)),
    );
    add(
        "authorized_user.json",
        format!(
            "{{\"client_secret\": \"d-{}\", \"type\": \"authorized_user\"}}",
            token(22)
        ),
    );
    add(
        "registry.json",
        format!(
            "{{\"auths\": {{\"ghcr.io\": {{\"auth\": \"{}\"}}}}}}",
            base64("bob:kd93Jq0sXw")
        ),
    );
    add(
        "storage.txt",
        format!(
            "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={}==\n",
            token(86)
        ),
    );
    add(
        "bus.txt",
        format!(
            "Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey={}=\n",
            token(43)
        ),
    );
    add(
        "npm-settings.txt",
        format!("//registry.npmjs.org/:_authToken={}\n", token(40)),
    );
    add(
        "alembic.ini",
        format!(
            "sqlalchemy.url = postgresql://app:{}@db.prod.internal/app\n",
            token(16)
        ),
    );
    add(
        "broker.yaml",
        format!("url: amqps://agent:{}@mq.corp.net:5671/\n", token(12)),
    );
    add(
        "requirements.txt",
        format!(
            "--extra-index-url https://bob:{}@pypi.corp.net/simple\nmarkdown\n",
            token(20)
        ),
    );
    add(
        "requirements-dev.txt",
        format!(
            "mine @ git+https://{}@github.com/corp/mine.git\n",
            token(40)
        ),
    );
    add(
        "console.csv",
        format!(
            "User name,Password,Console sign-in URL\nbob,{},https://123456789012.signin.aws.amazon.com/console\n",
            token(20)
        ),
    );
    add(
        "context.yaml",
        format!(
            "apiVersion: v1\ncurrent-context: prod\nusers:\n- name: bob\n  user:\n    token: {}\n",
            token(60)
        ),
    );
}

fn by_name(cases: &mut Vec<Case>) {
    for path in [
        ".env",
        ".env.local",
        "prod.env",
        "env.prod",
        "env.local",
        ".envrc",
        ".aws/config",
        ".ssh/known_hosts",
        ".kube/config",
        ".docker/config.json",
        ".config/gcloud/properties",
        ".azure/clouds.config",
        ".terraform/environment",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "prod.tfvars",
        "prod.auto.tfvars.json",
        ".pgpass",
        ".vault-token",
        ".streamlit/secrets.toml",
        ".claude/settings.json",
        ".mcp.json",
        "pip.conf",
        "pip.ini",
        "uv.toml",
        ".netrc",
        "_netrc",
        ".npmrc",
        ".pypirc",
        ".git-credentials",
        ".my.cnf",
        ".htpasswd",
        ".s3cfg",
        ".boto",
        "id_rsa",
        "id_ed25519_sk",
        "bob_accessKeys.csv",
        "rootkey.csv",
        "bob_credentials.csv",
        "application_default_credentials.json",
        "kubeconfig",
        "server.key",
        "store.jks",
        "login.p12",
        "passwords.kdbx",
        "secrets.yaml",
        "secrets.json",
        "gha-creds-0123.json",
        ".dockercfg",
        "msal_token_cache.json",
        ".cache/token",
        ".python_history",
    ] {
        cases.push((path, b"plain = 1\n".to_vec()));
    }
    // A repository without a work tree, whose history contains everything ever committed.
    for path in [
        "mirror.git/HEAD",
        "mirror.git/config",
        "mirror.git/objects/info/packs",
        "mirror.git/refs/heads/main",
    ] {
        cases.push((path, b"ref: refs/heads/main\n".to_vec()));
    }
}
