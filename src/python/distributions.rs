//! Modules whose distribution has a different name (other than `-` instead of `_`).

/// Sorted by module.
const NAMES: [(&str, &str); 34] = [
    ("Crypto", "pycryptodome"),
    ("MySQLdb", "mysqlclient"),
    ("OpenSSL", "pyopenssl"),
    ("PIL", "pillow"),
    ("a2a", "a2a-sdk"),
    ("agents", "openai-agents"),
    ("attr", "attrs"),
    ("bs4", "beautifulsoup4"),
    ("cv2", "opencv-python-headless"),
    ("dateutil", "python-dateutil"),
    ("docx", "python-docx"),
    ("dotenv", "python-dotenv"),
    ("fitz", "pymupdf"),
    ("git", "gitpython"),
    ("jose", "python-jose"),
    ("jwt", "pyjwt"),
    ("magic", "python-magic"),
    ("markdown_it", "markdown-it-py"),
    ("multipart", "python-multipart"),
    ("nacl", "pynacl"),
    ("opensearchpy", "opensearch-py"),
    ("pptx", "python-pptx"),
    ("psycopg2", "psycopg2-binary"),
    ("rest_framework", "djangorestframework"),
    ("serpapi", "google-search-results"),
    ("skimage", "scikit-image"),
    ("sklearn", "scikit-learn"),
    ("socks", "pysocks"),
    ("strands", "strands-agents"),
    ("strands_tools", "strands-agents-tools"),
    ("telegram", "python-telegram-bot"),
    ("websocket", "websocket-client"),
    ("yaml", "pyyaml"),
    ("zmq", "pyzmq"),
];

/// Returns the module's distribution if its name differs from the module's.
pub(crate) fn of(module: &str) -> Option<&'static str> {
    let at = NAMES
        .binary_search_by(|(name, _)| (*name).cmp(module))
        .ok()?;
    Some(NAMES[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_found_by_their_modules() {
        assert!(NAMES.is_sorted());
        assert_eq!(of("yaml"), Some("pyyaml"));
        assert_eq!(of("Crypto"), Some("pycryptodome"));
        assert_eq!(of("boto3"), None);
    }
}
