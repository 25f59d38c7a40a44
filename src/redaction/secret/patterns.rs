//! The formats of secrets. Each has words that lead to candidates, and an expression that must
//! match there.

use std::sync::LazyLock;

use regex_automata::{
    Anchored, Input,
    meta::{self, Regex},
    util::syntax,
};

use super::value::{is_aws_secret, is_random, is_real};

/// How to tell a value from a placeholder, and from a part of a longer text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judge {
    /// The format is sufficient.
    Form,
    /// The format identifies it, but placeholders have it too. It must start a word.
    Real,
    /// Like `Real`, anywhere in a word.
    RealWithin,
    /// Like `Real`, also after digits.
    RealAfterDigits,
    /// The format is a common one, so the value must look random too. It must start a word.
    Random,
    /// Only a name identifies it, possibly at the end of a longer name.
    Named,
    /// The secret access key is near a key ID.
    NearKeyId,
}

struct Pattern {
    what: &'static str,
    /// In lower case; matched case-insensitively.
    anchors: &'static [&'static str],
    /// Matches at the anchor. The value is group 1, or the whole match.
    expression: &'static str,
    judge: Judge,
}

/// The text between a name and its value, in any notation: `NAME=value`, `"name": "value"`, `ENV
/// NAME value`, `- name: NAME\n  value: value`, `<Name>value</Name>`.
const TO_VALUE: &str = r"(?:</|(?i:value|default|string|name|key|type)\b|[^A-Za-z0-9/+_]){1,80}?";
/// The same if the value may be anything.
const TO_ANY: &str =
    r#"[\\"'`]{0,4}(?:\s{0,4}(?::|=|=>|,)\s{0,4}|\s{1,4})(?:value\s{0,2}[:=]\s{0,2})?[\\"'`]{0,4}"#;

const fn real(
    what: &'static str,
    anchors: &'static [&'static str],
    expression: &'static str,
) -> Pattern {
    judged(Judge::Real, what, anchors, expression)
}

const fn judged(
    judge: Judge,
    what: &'static str,
    anchors: &'static [&'static str],
    expression: &'static str,
) -> Pattern {
    Pattern {
        what,
        anchors,
        expression,
        judge,
    }
}

/// `NAME` and `ANY` stand for [`TO_VALUE`] and [`TO_ANY`].
const PATTERNS: &[Pattern] = &[
    judged(
        Judge::NearKeyId,
        "an AWS access key with its secret",
        &["akia", "asia"],
        r"A[KS]IA([A-Z2-7]{16})",
    ),
    judged(
        Judge::Named,
        "an AWS secret access key",
        &["secret"],
        r"(?i:secret[-_. ]?access[-_. ]?key)NAME([A-Za-z0-9/+]{40}|[A-Za-z0-9/+=]{20,39})(?:[^A-Za-z0-9/+=_]|$)",
    ),
    judged(
        Judge::Named,
        "a secret key",
        &["secret"],
        r"(?i:secret[-_. ]?key)NAME([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=_]|$)",
    ),
    real(
        "an Amazon Bedrock API key",
        &["absk", "bedrock-api-key-"],
        r"(?:ABSK|bedrock-api-key-)([A-Za-z0-9+/=]{40,})",
    ),
    real(
        "an OpenAI or Anthropic API key, or one of that form",
        &["sk-"],
        r"sk-(?:(?:ant|proj|svcacct|admin|or|lf|None|service)-)([A-Za-z0-9_-]{20,})",
    ),
    judged(
        Judge::Random,
        "an API key",
        &["sk-"],
        r"sk-([A-Za-z0-9]{20,})",
    ),
    real(
        "a GitHub token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"gh[pousr]_([A-Za-z0-9]{36,})",
    ),
    real(
        "a GitHub token",
        &["github_pat_"],
        r"github_pat_([A-Za-z0-9_]{22,})",
    ),
    real(
        "a GitLab token",
        &[
            "glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glft-", "glagent-",
        ],
        r"gl(?:pat|dt|rt|ptt|cbt|soat|ft|agent)-([A-Za-z0-9_.-]{20,})",
    ),
    real(
        "a Slack token",
        &[
            "xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-",
            "xoxs-", "xapp-",
        ],
        r"(?:xox[a-eoprs][-.]|xapp-)([A-Za-z0-9%.-]{16,})",
    ),
    judged(
        Judge::RealWithin,
        "a Slack webhook",
        &["hooks.slack.com/"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/]{30,})",
    ),
    real("a Google API key", &["aiza"], r"AIza([A-Za-z0-9_-]{35})"),
    real(
        "a Google client secret",
        &["gocspx-"],
        r"GOCSPX-([A-Za-z0-9_-]{24,})",
    ),
    real(
        "a Google access token",
        &["ya29."],
        r"ya29\.([A-Za-z0-9_-]{40,})",
    ),
    real(
        "a Google refresh token",
        &["1//0"],
        r"1//0([A-Za-z0-9_-]{30,})",
    ),
    real("an npm token", &["npm_"], r"npm_([A-Za-z0-9]{36,})"),
    judged(
        Judge::Named,
        "an npm token",
        &["_authtoken"],
        r"_authToken\s{0,2}=\s{0,2}([A-Za-z0-9_-]{20,})",
    ),
    real("a PyPI token", &["pypi-"], r"pypi-(AgE[A-Za-z0-9_-]{50,})"),
    real(
        "a Hugging Face token",
        &["hf_", "api_org_"],
        r"(?:hf_|api_org_)([A-Za-z0-9]{30,})",
    ),
    real(
        "a Stripe key",
        &["sk_live_", "rk_live_", "whsec_"],
        r"(?:[rs]k_live_|whsec_)([A-Za-z0-9]{20,})",
    ),
    real(
        "a SendGrid key",
        &["sg."],
        r"SG\.([A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{40,46})",
    ),
    judged(
        Judge::RealAfterDigits,
        "a Telegram bot token",
        &[":aa"],
        r":(AA[A-Za-z0-9_-]{33})(?:[^A-Za-z0-9_-]|$)",
    ),
    real(
        "a DigitalOcean token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        r"do[opr]_v1_([0-9a-f]{64})",
    ),
    real("a Databricks token", &["dapi"], r"dapi([0-9a-f]{32})"),
    real(
        "a Vault token",
        &["hvs.", "hvb.", "hvr."],
        r"hv[bsr]\.([A-Za-z0-9_-]{24,})",
    ),
    judged(
        Judge::RealWithin,
        "a Terraform token",
        &[".atlasv1."],
        r"\.atlasv1\.([A-Za-z0-9_=-]{60,})",
    ),
    real(
        "a LangSmith key",
        &["lsv2_"],
        r"lsv2_(?:pt|sk)_([0-9a-f]{32}_[0-9a-f]{10})",
    ),
    judged(
        Judge::Random,
        "an API key of a model provider",
        &[
            "gsk_", "xai-", "pplx-", "nvapi-", "r8_", "fw_", "csk-", "tvly-", "pcsk_", "e2b_",
            "fc-", "jina_",
        ],
        r"(?:gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{60,}|pplx-[A-Za-z0-9]{40,}|nvapi-[A-Za-z0-9_-]{60,}|r8_[A-Za-z0-9]{37}|fw_[A-Za-z0-9]{22,24}|csk-[a-z0-9]{48}|tvly-(?:dev-|prod-)?[A-Za-z0-9]{24,}|pcsk_[A-Za-z0-9_]{50,}|e2b_[0-9a-f]{40}|fc-[0-9a-f]{32}|jina_[A-Za-z0-9_-]{50,})",
    ),
    real(
        "a Docker Hub token",
        &["dckr_pat_", "dckr_oat_"],
        r"dckr_[po]at_([A-Za-z0-9_-]{20,})",
    ),
    real(
        "a Grafana token",
        &["glsa_", "glc_"],
        r"(?:glsa_([A-Za-z0-9]{32}_[0-9a-fA-F]{8})|glc_(eyJ[A-Za-z0-9+/=]{40,}))",
    ),
    real(
        "a Supabase key",
        &["sbp_", "sb_secret_"],
        r"(?:sbp_([0-9a-f]{40})|sb_secret_([A-Za-z0-9_-]{30,}))",
    ),
    judged(
        Judge::Random,
        "a token of a cloud service",
        &[
            "shpat_", "shpss_", "nrak-", "pscale_", "lin_api_", "ntn_", "dp.pt.", "sntrys_",
            "figd_", "atatt3", "hrku-", "pul-", "fo1_", "fm2_", "rnd_",
        ],
        r"(?:shp(?:at|ss)_[0-9a-fA-F]{32}|NRAK-[A-Z0-9]{27}|pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}|lin_api_[A-Za-z0-9]{40}|ntn_[A-Za-z0-9]{40,}|dp\.pt\.[A-Za-z0-9]{40,}|sntrys_[A-Za-z0-9+/=_]{60,}|figd_[A-Za-z0-9_-]{38,}|ATATT3[A-Za-z0-9_=-]{100,}|HRKU-[A-Za-z0-9_-]{36,}|pul-[0-9a-f]{40}|fo1_[A-Za-z0-9_-]{40,}|fm2_[A-Za-z0-9+/=_-]{60,}|rnd_[A-Za-z0-9]{28})",
    ),
    judged(
        Judge::RealWithin,
        "an Azure storage key",
        &["accountkey", "sharedaccesskey"],
        r"(?i:AccountKey|SharedAccessKey)ANY([A-Za-z0-9+/]{42,86}={1,2})",
    ),
    judged(
        Judge::RealWithin,
        "an Azure client secret",
        &["7q~", "8q~", "9q~"],
        r"[789]Q~([A-Za-z0-9_.~-]{31,34})(?:[^A-Za-z0-9_.~-]|$)",
    ),
    judged(
        Judge::Named,
        "a client secret",
        &["client"],
        r"(?i:client[-_. ]?secret)ANY([A-Za-z0-9._~+/=-]{16,})",
    ),
    judged(
        Judge::Named,
        "a refresh token",
        &["refresh"],
        r"(?i:refresh[-_. ]?token)ANY([A-Za-z0-9._~+/=-]{20,})",
    ),
    judged(
        Judge::Form,
        "an age key",
        &["age-secret-key-"],
        r"AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{50,}",
    ),
    judged(
        Judge::Form,
        "a PuTTY private key",
        &["putty-user-key-file-"],
        r"PuTTY-User-Key-File-[0-9]:(?s:.{1,3000}?)Private-Lines:",
    ),
    judged(
        Judge::Form,
        "a private key in base64",
        &["ls0tls1crudjti"],
        // "-----BEGIN " and the first letters of each kind of private key.
        r"LS0tLS1CRUdJTi(?:BQUklWQVRFIEtFW|BSU0EgUFJJVkFURSBLRV|BFQyBQUklWQVRFIEtFW|BPUEVOU1NIIFBSSVZBVEUgS0|BFTkNSWVBURUQgUFJJVkFURSBLRV|BEU0EgUFJJVkFURSBLRV|BQR1AgUFJJVkFURSBLRV)[A-Za-z0-9+/\s\\]{60,}",
    ),
    judged(
        Judge::Form,
        "a private key",
        &["---- begin ssh2"],
        r"---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY",
    ),
    judged(
        Judge::RealWithin,
        "a WireGuard key",
        &["privatekey"],
        r"PrivateKey\s{0,4}=\s{0,4}([A-Za-z0-9+/]{43}=)",
    ),
    judged(
        Judge::RealWithin,
        "a login to a container registry",
        &["\"auths\""],
        r#""auths"(?s:.{1,2000}?)"(?:auth|identitytoken|registrytoken)"\s{0,4}:\s{0,4}"([A-Za-z0-9+/=._-]{12,})""#,
    ),
    real(
        "a password of the AWS console",
        &["console sign-in url"],
        r"(?i:console sign-in url)\s*(?:\n|\r)[^,\n]{1,128},[^\n]{6,}https://",
    ),
    judged(
        Judge::RealWithin,
        "a token of a Kubernetes cluster",
        &["current-context"],
        r"current-context(?s:.{1,3500}?)\n\s+token:\s{1,4}([A-Za-z0-9._-]{20,})",
    ),
];

/// Returns every anchor with the index of its pattern.
pub(crate) fn anchors() -> impl Iterator<Item = (&'static str, usize)> {
    PATTERNS
        .iter()
        .enumerate()
        .flat_map(|(at, pattern)| pattern.anchors.iter().map(move |anchor| (*anchor, at)))
}

/// Compiled when one of their anchors is first found.
static EXPRESSIONS: LazyLock<Vec<LazyLock<Regex, Compile>>> = LazyLock::new(|| {
    PATTERNS
        .iter()
        .map(|pattern| LazyLock::new(Box::new(|| compile(pattern.expression)) as Compile))
        .collect()
});

type Compile = Box<dyn FnOnce() -> Regex + Send>;

fn compile(expression: &str) -> Regex {
    let expression = expression.replace("NAME", TO_VALUE).replace("ANY", TO_ANY);
    Regex::builder()
        .configure(meta::Config::new().utf8_empty(false))
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build(&expression)
        .expect("the expressions are tested")
}

/// Returns the kind of secret at an anchor, if any. `text` is the surrounding text.
pub(crate) fn secret_at(pattern: usize, text: &[u8], at: usize) -> Option<&'static str> {
    let Pattern {
        what,
        anchors: _,
        expression: _,
        judge,
    } = &PATTERNS[pattern];
    let expression = &EXPRESSIONS[pattern];
    let input = Input::new(text).range(at..).anchored(Anchored::Yes);
    let mut groups = expression.create_captures();
    expression.search_captures(&input, &mut groups);
    let whole = groups.get_match()?.range();
    let value = (1..groups.group_len()).find_map(|group| groups.get_group(group));
    let value = value.map_or(whole, |span| span.range());
    let found = &text[value];
    let is_secret = match judge {
        Judge::Form => true,
        Judge::Real => begins_here(text, at) && is_real(found),
        Judge::RealWithin => is_real(found),
        Judge::RealAfterDigits => {
            text[..at].last().is_some_and(u8::is_ascii_digit) && is_real(found)
        }
        Judge::Random => begins_here(text, at) && !is_joined(text, at) && is_random(found),
        Judge::Named => is_random(found),
        Judge::NearKeyId => begins_here(text, at) && is_real(found) && has_secret_near(text, at),
    };
    is_secret.then_some(*what)
}

/// Returns true if a word starts here: `task-…` does not contain `sk-…`. A name may be part of a
/// longer one.
fn begins_here(text: &[u8], at: usize) -> bool {
    let before = &text[..at];
    match before {
        // An escaped line end, as in JSON.
        [.., b'\\', b'n' | b'r' | b't'] | [] => true,
        [.., last] => !last.is_ascii_alphanumeric(),
    }
}

/// Returns true after a hyphen or underscore: inside a word with hyphens, or URL-safe base64.
fn is_joined(text: &[u8], at: usize) -> bool {
    text[..at].last().is_some_and(|byte| b"-_".contains(byte))
}

/// How far from a key ID its secret may be, in bytes.
const NEAR: usize = 400;

fn has_secret_near(text: &[u8], at: usize) -> bool {
    let near = &text[at.saturating_sub(NEAR)..text.len().min(at + NEAR)];
    near.split(|byte| !byte.is_ascii_alphanumeric() && !b"/+".contains(byte))
        .any(|run| run.len() == 40 && is_aws_secret(run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles_and_every_anchor_is_in_lower_case() {
        for pattern in PATTERNS {
            compile(pattern.expression);
            for anchor in pattern.anchors {
                assert_eq!(*anchor, anchor.to_ascii_lowercase(), "{}", pattern.what);
            }
        }
    }
}
