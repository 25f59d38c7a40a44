//! XML documents of S3. Attributes are not read; S3 has none that matter here.

use quick_xml::{
    Reader,
    escape::{escape, resolve_xml_entity},
    events::Event,
};

/// An element with a text or with children.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Returns the element with another child.
    pub(crate) fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// Returns the element with another child that has a text.
    pub(crate) fn with_text(self, name: &str, text: impl Into<String>) -> Self {
        self.with(Self {
            name: name.to_owned(),
            text: text.into(),
            children: Vec::new(),
        })
    }

    /// Returns the element with these children after its own.
    pub(crate) fn with_all(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// Reads a document and returns its root.
    pub(crate) fn parse(document: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(document);
        // The elements that are open, outermost first; the first one contains the root.
        let mut open = vec![Self::default()];
        loop {
            let event = reader.read_event().map_err(|error| error.to_string())?;
            let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
            let innermost = open.last_mut().ok_or("an element ends twice")?;
            match event {
                Event::Start(start) => open.push(Self::new(&name(start.local_name().as_ref()))),
                Event::Empty(empty) => {
                    let empty = Self::new(&name(empty.local_name().as_ref()));
                    innermost.children.push(empty);
                }
                Event::End(_) => {
                    let element = open.pop().ok_or("an element ends twice")?;
                    let parent = open.last_mut().ok_or("an element ends twice")?;
                    parent.children.push(element);
                }
                Event::Text(text) => {
                    let text = text.decode().map_err(|error| error.to_string())?;
                    innermost.text.push_str(&text);
                }
                Event::CData(text) => {
                    let text = text.decode().map_err(|error| error.to_string())?;
                    innermost.text.push_str(&text);
                }
                Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                    Ok(Some(character)) => innermost.text.push(character),
                    Ok(None) => {
                        let name = reference.decode().map_err(|error| error.to_string())?;
                        let text = resolve_xml_entity(&name)
                            .ok_or_else(|| format!("`&{name};` has no meaning"))?;
                        innermost.text.push_str(text);
                    }
                    Err(error) => return Err(error.to_string()),
                },
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
                Event::Eof => break,
            }
        }
        match open.pop() {
            Some(Self { children, .. }) if open.is_empty() => {
                children.into_iter().next().ok_or("it is empty".to_owned())
            }
            _ => Err("it ends too early".to_owned()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the first child with this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.all(name).next()
    }

    /// Returns the children with this name.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Returns the text of the first child with this name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// Returns the element as a document with this name space.
    pub(crate) fn document(&self, namespace: &str) -> String {
        let mut document = String::new();
        self.write(&mut document, &format!(" xmlns=\"{namespace}\""));
        document
    }

    fn write(&self, document: &mut String, attributes: &str) {
        let Self {
            name,
            text,
            children,
        } = self;
        document.extend(["<", name, attributes, ">"]);
        if children.is_empty() {
            document.push_str(&escape(text.as_str()));
        }
        for child in children {
            child.write(document, "");
        }
        document.extend(["</", name, ">"]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_document_is_read_with_all_kinds_of_text() {
        let document = "<?xml version=\"1.0\"?>\n<!-- no --><s:Root xmlns:s=\"u\">\n \
             <Key> a&amp;b&#x41;&#66;<![CDATA[<c>]]> </Key><Empty/><Key>2</Key>\n</s:Root>\n";
        let root = Element::parse(document).unwrap();
        assert_eq!(root.name(), "Root");
        assert_eq!(root.text("Key"), Some(" a&bAB<c> "));
        assert_eq!(root.text("Empty"), Some(""));
        assert_eq!(root.all("Key").count(), 2);
        assert_eq!(root.child("Missing"), None);
    }

    #[test]
    fn broken_documents_are_refused() {
        for broken in [
            "",
            " ",
            "{}",
            "<a>",
            "<a></b>",
            "</a>",
            "<a>&what;</a>",
            "<a",
        ] {
            assert!(Element::parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn the_root_of_a_document_has_the_name_space() {
        let tags = Element::new("Tagging").with(Element::new("Tag").with_text("Key", "a<b"));
        assert_eq!(
            tags.document("http://s3/"),
            "<Tagging xmlns=\"http://s3/\"><Tag><Key>a&lt;b</Key></Tag></Tagging>"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(texts in prop::collection::vec("[ -~äé€]{0,12}", 0..4)) {
            let texts = texts.iter().map(|text| Element::new("List").with_text("Item", text.as_str()));
            let written = Element::new("Root").with_all(texts);
            prop_assert_eq!(Element::parse(&written.document("u")).unwrap(), written);
        }
    }
}
