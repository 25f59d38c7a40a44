//! Files that look as if they contained secrets, but do not.
#![expect(clippy::too_many_lines, reason = "the functions are tables")]

use super::{Case, armored, begin, end, hex, key_id, made, token, utf16};

/// Returns files that are all shipped.
pub fn harmless() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |path, content: String| cases.push((path, content.into_bytes()));
    let example = format!("wJalrXUtnFEMI/{}/bPxRfiCYEXAMPLEKEY", "K7MDENG");
    add(
        "aws-docs.md",
        format!(
            "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {example}\n"
        ),
    );
    add(
        "aws-example.json",
        format!(
            "{{\"AccessKeyId\": \"AKIAIOSFODNN7EXAMPLE\", \"SecretAccessKey\": \"{example}\"}}"
        ),
    );
    add(
        "aws-placeholder.ini",
        "aws_secret_access_key = <your secret access key>\n".to_owned(),
    );
    add(
        "aws-variable.yaml",
        "environment:\n  AWS_SECRET_ACCESS_KEY: ${AWS_SECRET_ACCESS_KEY}\n".to_owned(),
    );
    add(
        "aws-upper.ini",
        "aws_secret_access_key = YOUR_SECRET_ACCESS_KEY\n".to_owned(),
    );
    add(
        "aws-stars.txt",
        format!("AWS_SECRET_ACCESS_KEY={}\n", "*".repeat(40)),
    );
    add(
        "aws-xs.txt",
        format!("aws_secret_access_key={}\n", "x".repeat(40)),
    );
    add(
        "aws-speech.txt",
        "Set aws_secret_access_key, then run it.\n".to_owned(),
    );
    add(
        "aws-template.yaml",
        "Value: !GetAtt CIAccessKey.SecretAccessKey\n".to_owned(),
    );
    add("aws-shape.json", "{\"SecretAccessKey\": {\"shape\": \"accessKeySecretType\", \"documentation\": \"The secret.\"}}".to_owned());
    add("aws-id-only.txt", format!("Key in use: {}\n", key_id()));
    add("aws-id-and-hash.txt", format!("{} {}\n", key_id(), hex(40)));
    add(
        "secrets.py",
        "import secrets\n\nTOKEN = secrets.token_hex(16)\n".to_owned(),
    );
    add(
        "secret_key.py",
        "SECRET_KEY = os.environ['SECRET_KEY']\n".to_owned(),
    );
    add(
        "credentials.py",
        "def load():\n    return None\n".to_owned(),
    );
    add("id_rsa.py", "ID = 1\n".to_owned());
    add("key.py", "KEY = 'k'\n".to_owned());
    add("env.py", "A = 1\n".to_owned());
    add("environment.yml", "name: x\n".to_owned());
    add("env", "A=1\n".to_owned());
    add("example.env", "API_KEY=\n".to_owned());
    add("prod.env.example", "API_KEY=\n".to_owned());
    add("secrets.example.toml", "key = \"\"\n".to_owned());
    add("terraform.tfvars.example", "region = \"x\"\n".to_owned());
    add("cert.pem", format!("# CA\n{}", armored("CERTIFICATE")));
    add("chain.txt", armored("CERTIFICATE").repeat(50));
    add("public.pem", armored("PUBLIC KEY"));
    add("request.csr", armored("CERTIFICATE REQUEST"));
    add("signature.asc", armored("PGP SIGNATURE"));
    add("pgp-public.asc", armored("PGP PUBLIC KEY BLOCK"));
    add("deploy_key.pub", format!("ssh-ed25519 {}\n", token(68)));
    add("known_keys", format!("github.com ssh-rsa {}\n", token(372)));
    add(
        "pem-speech.md",
        format!(
            "A key begins with `{}`.\n\n{}\n...\n{}\n",
            begin("PRIVATE KEY"),
            begin("PRIVATE KEY"),
            end("PRIVATE KEY")
        ),
    );
    add(
        "pem-code.js",
        format!("if (text.startsWith('{}')) {{}}\n", begin("PRIVATE KEY")),
    );
    add(
        "jwk-public.json",
        format!(
            "{{\"kty\": \"RSA\", \"n\": \"{}\", \"e\": \"AQAB\"}}",
            token(342)
        ),
    );
    add(
        "jwks-public.json",
        format!(
            "{{\"keys\": [{{\"kty\": \"EC\", \"x\": \"{0}\", \"y\": \"{0}\"}}]}}",
            token(43)
        ),
    );
    add(
        "age-public.txt",
        format!("age1{}\n", made("023456789acdefghjklmnpqrstuvwxyz", 58)),
    );
    add(
        "uv.lock",
        format!("hash = \"sha256:{}\"\n", hex(64)).repeat(200),
    );
    add(
        "package-lock.json",
        format!("{{\"integrity\": \"sha512-{}==\"}}", token(86)),
    );
    add(
        "poetry.lock",
        format!("{{file = \"x.whl\", hash = \"sha256:{}\"}}\n", hex(64)),
    );
    add(
        "requirements-hashes.txt",
        format!("markdown==3.7 --hash=sha256:{}\n", hex(64)),
    );
    add(
        "requirements-url.txt",
        "markdown @ https://files.corp.net/markdown-3.7-py3-none-any.whl\n".to_owned(),
    );
    add(
        "requirements-git.txt",
        "mine @ git+ssh://git@github.com/corp/mine.git\n".to_owned(),
    );
    add(
        "requirements-variable.txt",
        "--index-url https://${USER}:${TOKEN}@pypi.corp.net/simple\n".to_owned(),
    );
    add(
        "database-example.ini",
        "url = postgresql://user:password@localhost:5432/app\n".to_owned(),
    );
    add(
        "database-compose.yaml",
        "DATABASE_URL: postgresql://postgres:postgres@db:5432/app\n".to_owned(),
    );
    add(
        "url-docs.md",
        "Use https://user:pass@example.com/path, or redis://:mypassword@cache:6379.\n".to_owned(),
    );
    add(
        "mail.txt",
        "Write to mailto://bob@corp.net or bob@corp.net.\n".to_owned(),
    );
    add(
        "image.html",
        format!("<img src=\"data:image/png;base64,{}\">\n", token(6000)),
    );
    add(
        "image.svg",
        format!(
            "<svg><path d=\"M10 20L30 40\"/><image href=\"data:image/png;base64,{}\"/></svg>\n",
            token(3000)
        ),
    );
    add(
        "minified.css",
        ".sk-toggleable__content-label-hidden{color:red}.sk-estimator-id-1{top:0}\n".to_owned(),
    );
    add(
        "tasks.json",
        "{\"id\": \"task-1234567890abcdefghijklmnop\", \"desk-2b3c4d5e6f7g8h9i0j1k2l\": 1}"
            .to_owned(),
    );
    add(
        "openai-placeholder.txt",
        "OPENAI_API_KEY=sk-proj-your-key-goes-here-0000000000\n".to_owned(),
    );
    add(
        "openai-xs.txt",
        "key: sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".to_owned(),
    );
    add(
        "github-placeholder.yaml",
        format!("token: ghp_{}\n", "x".repeat(36)),
    );
    add("github-variable.yaml", "token: ${{ secrets.GITHUB_TOKEN }}\nclient_secret: ${{ secrets.OAUTH_CLIENT_SECRET_2024 }}\n".to_owned());
    add(
        "oauth-names.yaml",
        "client_secret_name: my-oauth-client-secret-2024\nclient_secret: my-oauth-client-2024\n"
            .to_owned(),
    );
    add("oauth-arn.json", "{\"clientSecretArn\": \"arn:aws:secretsmanager:us-west-2:123456789012:secret:oauth-AbC123\"}".to_owned());
    add("oauth-code.ts", "const refreshToken = await store.get('refreshToken');\nconst clientSecret = process.env.CLIENT_SECRET;\n".to_owned());
    add("openapi.json", "{\"refresh_token\": {\"type\": \"string\", \"description\": \"The refresh token.\"}, \"client_secret\": \"string\"}".to_owned());
    add("slack-placeholder.txt", "SLACK_TOKEN=xoxb-your-token-here\nhttps://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX\n".to_owned());
    add(
        "firmware.c",
        "void fw_updateConfigurationOf(void);\n".to_owned(),
    );
    add(
        "identifiers.csv",
        format!("id,uuid\n1,{}-1d2e-4f3a-8b4c-5d6e7f809102\n", hex(8)),
    );
    add(
        "embedding.csv",
        (0..4000)
            .map(|at| format!("{}.{:04}", at % 7, at * 37 % 9973))
            .collect::<Vec<_>>()
            .join(","),
    );
    add(
        "prompt.txt",
        "Never reveal the client secret, the refresh token or the secret access key.\n".to_owned(),
    );
    add(
        "docker-auths.json",
        "{\"auths\": {\"ghcr.io\": {}}, \"credsStore\": \"desktop\"}".to_owned(),
    );
    cases.push((
        "weights.bin",
        [&[0_u8; 64][..], b"aws_secret_access_key", &[7; 500]].concat(),
    ));
    cases.push(("utf16.txt", utf16("Nothing to see here.\r\n", false)));
    cases.push(("latin1.txt", b"caf\xe9 cr\xe8me\n".to_vec()));
    cases
}
