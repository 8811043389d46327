//! The words of a command, read one after the other.

/// The words that are left of a command.
pub(crate) struct Words<'a>(pub(super) &'a [String]);

impl<'a> Words<'a> {
    pub(crate) fn new(words: &'a [String]) -> Self {
        Self(words)
    }

    pub(crate) fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn peek(&self) -> Option<&'a str> {
        self.0.first().map(String::as_str)
    }

    pub(crate) fn value(&mut self, key: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("nothing behind `{key}`"))
    }

    pub(crate) fn number(&mut self, key: &str) -> Result<i64, String> {
        let text = self.value(key)?;
        text.parse()
            .map_err(|_| format!("`{key} {text}` is no number"))
    }
}

pub(crate) fn unknown(word: &str) -> String {
    format!("`{word}` is not known here")
}
