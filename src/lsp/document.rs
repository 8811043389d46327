//! A document of the editor: its text, and the places in it as the editor counts them.

use std::path::PathBuf;

use lsp_types::{Position, Range, Uri};
use percent_encoding::percent_decode_str;

/// What a column of the editor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// A byte of UTF-8.
    Bytes,
    /// A unit of UTF-16.
    Utf16,
}

impl Columns {
    fn width(self, c: char) -> usize {
        match self {
            Self::Bytes => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
        }
    }
}

/// A text that is open in the editor.
#[derive(Debug)]
pub(super) struct Document {
    uri: Uri,
    text: String,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    columns: Columns,
}

impl Document {
    pub(super) fn new(uri: Uri, text: String, columns: Columns) -> Self {
        let begins = text.match_indices('\n').map(|(index, _)| index + 1);
        let lines = std::iter::once(0).chain(begins).collect();
        Self {
            uri,
            text,
            lines,
            columns,
        }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) fn columns(&self) -> Columns {
        self.columns
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The file that the document is kept in; its address where that is none.
    pub(super) fn file(&self) -> PathBuf {
        file_of(&self.uri).unwrap_or_else(|| PathBuf::from(self.uri.as_str()))
    }

    /// The text of a line, without its end.
    fn line(&self, line: usize) -> &str {
        let Some(&start) = self.lines.get(line) else {
            return "";
        };
        let end = self
            .lines
            .get(line + 1)
            .map_or(self.text.len(), |next| next - 1);
        self.text[start..end].trim_end_matches('\r')
    }

    /// The byte at a place; that of the end of the line, or of the text, where the place is beyond it.
    pub(super) fn offset(&self, position: Position) -> usize {
        let line = usize::try_from(position.line).unwrap_or(usize::MAX);
        let Some(&start) = self.lines.get(line) else {
            return self.text.len();
        };
        let mut left = usize::try_from(position.character).unwrap_or(usize::MAX);
        let mut offset = start;
        for c in self.line(line).chars() {
            let width = self.columns.width(c);
            if left < width {
                break;
            }
            left -= width;
            offset += c.len_utf8();
        }
        offset
    }

    /// The place of a byte.
    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.lines.partition_point(|&start| start <= offset) - 1;
        let before = self.text.get(self.lines[line]..offset).unwrap_or_default();
        let column: usize = before.chars().map(|c| self.columns.width(c)).sum();
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Position::new(small(line), small(column))
    }

    pub(super) fn range(&self, start: usize, end: usize) -> Range {
        Range::new(self.position(start), self.position(end))
    }

    /// The byte of a place as errors say it: line and character, both from 1.
    pub(super) fn offset_of(&self, line: usize, character: usize) -> usize {
        let line = line.saturating_sub(1);
        let Some(&start) = self.lines.get(line) else {
            return self.text.len();
        };
        let text = self.line(line);
        let mut characters = text.char_indices().map(|(index, _)| index);
        start
            + characters
                .nth(character.saturating_sub(1))
                .unwrap_or(text.len())
    }
}

/// The file that an address means.
pub(super) fn file_of(uri: &Uri) -> Option<PathBuf> {
    let path = uri.as_str().strip_prefix("file://")?;
    // Between the slashes stands the machine, none where it is this one.
    let path = &path[path.find('/')?..];
    let path = percent_decode_str(path).decode_utf8().ok()?;
    Some(PathBuf::from(path.into_owned()))
}

/// The address of a file.
pub(super) fn uri_of(file: &std::path::Path) -> Option<Uri> {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    let path = utf8_percent_encode(file.to_str()?, KEPT);
    format!("file://{path}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, columns: Columns) -> Document {
        let uri = "file:///home/a%20b/lab.rhai".parse().unwrap();
        Document::new(uri, text.to_owned(), columns)
    }

    #[test]
    fn places_are_counted_as_the_editor_counts() {
        let text = "a\r\nxé😀z\n";
        for (columns, column) in [(Columns::Bytes, 7), (Columns::Utf16, 4)] {
            let document = document(text, columns);
            let at = text.find('z').unwrap();
            assert_eq!(document.position(at), Position::new(1, column));
            assert_eq!(document.offset(Position::new(1, column)), at);
            assert_eq!(document.offset_of(2, 4), at);
            assert_eq!(document.offset(Position::new(0, 99)), 1);
            assert_eq!(document.offset(Position::new(99, 0)), text.len());
            assert_eq!(document.position(text.len()), Position::new(2, 0));
        }
    }

    #[test]
    fn an_address_is_a_file_and_back() {
        let document = document("", Columns::Bytes);
        let file = document.file();
        assert_eq!(file, PathBuf::from("/home/a b/lab.rhai"));
        assert_eq!(&uri_of(&file).unwrap(), document.uri());
        assert_eq!(file_of(&"untitled:Untitled-1".parse().unwrap()), None);
    }
}
