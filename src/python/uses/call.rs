//! Calls of libraries, and environment variables that are read.

use std::ops::Range;

use super::value::Value;

/// A call of something imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The full name, with the values of variables inserted: `boto3.client("s3").get_object`.
    pub(crate) callee: String,
    pub(crate) arguments: Vec<Argument>,
    /// The callee's position.
    pub(crate) span: Range<usize>,
    /// True if the call runs only if the file is run as a script.
    pub(crate) as_script: bool,
    /// True if the call runs when the file is loaded or run, and not only in a function.
    pub(crate) at_load: bool,
    /// True if the result is stored: it is assigned, or the default of a parameter.
    pub(crate) is_kept: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Argument {
    pub(crate) name: Option<String>,
    /// `None` if the value is only known at run time.
    pub(crate) value: Option<Value>,
}

/// An environment variable that the code reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    pub(crate) has_default: bool,
}

impl Call {
    /// Returns the argument with this name, or the positional argument at this index.
    pub(crate) fn argument(&self, name: &str, place: Option<usize>) -> Option<&Argument> {
        let mut arguments = self.arguments.iter();
        let named = arguments.find(|argument| argument.name.as_deref() == Some(name));
        named.or_else(|| {
            let mut unnamed = self.arguments.iter().filter(|a| a.name.is_none());
            unnamed.nth(place?)
        })
    }
}
