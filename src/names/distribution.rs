//! Names of Python distributions.

/// Normalizes a name: `Foo.Bar_baz` becomes `foo-bar-baz`.
pub(crate) fn normalized(name: &str) -> String {
    let mut made = String::new();
    for c in name.trim().chars() {
        match c {
            '-' | '_' | '.' if made.ends_with('-') => {}
            '-' | '_' | '.' => made.push('-'),
            c => made.push(c.to_ascii_lowercase()),
        }
    }
    made
}
