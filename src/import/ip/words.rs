//! The words of a command, read one after the other.

pub(crate) use crate::schema::Words;

pub(crate) fn unknown(word: &str) -> String {
    format!("`{word}` is not known here")
}
