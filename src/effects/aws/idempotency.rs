//! The tokens that let a service recognize a request that is sent again.

/// An idempotency token: a request that is sent twice is carried out once.
#[derive(Debug, Clone)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}
