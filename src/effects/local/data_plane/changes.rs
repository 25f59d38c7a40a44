//! Requests to the control plane that change a deployment.

use hyper::Method;

/// A request to the control plane that changes a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// A runtime or one of its endpoints is deleted.
    Deletion {
        runtime: String,
        endpoint: Option<String>,
    },
    Other,
}

impl Change {
    pub(super) fn of(method: &Method, path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/runtimes/")?;
        if method == Method::GET || method == Method::POST {
            return None;
        }
        let mut parts = rest.split('/').filter(|part| !part.is_empty());
        let names = (parts.next(), parts.next(), parts.next());
        Some(match names {
            (Some(runtime), None, None) if method == Method::DELETE => Self::Deletion {
                runtime: runtime.to_owned(),
                endpoint: None,
            },
            (Some(runtime), Some(_), Some(endpoint)) if method == Method::DELETE => {
                Self::Deletion {
                    runtime: runtime.to_owned(),
                    endpoint: Some(endpoint.to_owned()),
                }
            }
            _ => Self::Other,
        })
    }
}
