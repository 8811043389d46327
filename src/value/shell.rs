//! Words of a command line that a user is told to type: each stands for exactly the name or path that it is made of.

use std::borrow::Cow;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::value::escape;

/// The text as one word of a shell's command line, in quotes where it needs them.
///
/// What can't be shown as it is, as an escape sequence, stands in the form `$'\x1b'`, which shells read as well.
pub fn word(text: &str) -> Cow<'_, str> {
    if escape::on_one_line(text) == text {
        // Only a zero byte can't be quoted, and that is not shown as it is.
        shlex::try_quote(text).unwrap_or(Cow::Borrowed("''"))
    } else {
        Cow::Owned(by_bytes(text.as_bytes()))
    }
}

/// The path as one word of a shell's command line, which no program takes for an option.
pub fn path(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let looks_like_option = bytes.starts_with(b"-");
    let path: Cow<'_, Path> = if looks_like_option {
        Cow::Owned(Path::new(".").join(path))
    } else {
        Cow::Borrowed(path)
    };
    match path.to_str() {
        Some(text) => word(text).into_owned(),
        None => by_bytes(path.as_os_str().as_bytes()),
    }
}

fn by_bytes(bytes: &[u8]) -> String {
    let mut word = "$'".to_owned();
    for byte in bytes {
        // Writing to memory does not fail.
        let _ = match byte {
            b'\'' | b'\\' => write!(word, "\\{}", char::from(*byte)),
            b' '..=b'~' => write!(word, "{}", char::from(*byte)),
            _ => write!(word, "\\x{byte:02x}"),
        };
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::process::Command;

    use super::*;

    /// What a shell hands to a program for the word.
    fn read(shell: &str, word: &str) -> Vec<u8> {
        let script = format!("printf %s {word}");
        let output = Command::new(shell).args(["-c", &script]).output().unwrap();
        assert!(output.stderr.is_empty(), "{word}: {output:?}");
        output.stdout
    }

    #[test]
    fn plain_names_stay_as_they_are() {
        for name in ["net-1", "eth0.100", "/run/netns/a_b", "a@b"] {
            assert_eq!(word(name), name);
        }
    }

    #[test]
    fn a_shell_reads_each_word_as_the_name_that_it_stands_for() {
        for name in [
            "a b",
            "$HOME",
            "`id`",
            "it's",
            "say \"hi\"",
            "a\\b",
            "*",
            "~",
            "a;b",
            "#x",
            "ä ö",
            "!x",
            "",
        ] {
            assert_eq!(read("sh", &word(name)), name.as_bytes(), "{name}");
            assert_eq!(read("bash", &word(name)), name.as_bytes(), "{name}");
        }
        for name in ["a\x1b[2Jb", "two\nlines", "\u{202e}x'y\\", "tab\t"] {
            let quoted = word(name);
            assert_eq!(escape::on_one_line(&quoted), quoted, "{name}");
            assert_eq!(read("bash", &quoted), name.as_bytes(), "{quoted}");
        }
    }

    #[test]
    fn a_path_is_no_option_and_need_not_be_text() {
        assert_eq!(path(Path::new("-rf")), "./-rf");
        assert_eq!(path(Path::new("my lab.rhai")), "'my lab.rhai'");
        let odd = OsStr::from_bytes(b"a\xff b");
        assert_eq!(read("bash", &path(Path::new(odd))), odd.as_bytes());
    }
}
