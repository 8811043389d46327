//! Names of links and namespaces, checked against the kernel's rules before anything is asked of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The longest name of a link: `IFNAMSIZ` of `linux/if.h` less the terminating zero.
const LINK_NAME_MAX: usize = 15;
/// The longest other name of a link: `ALTIFNAMSIZ` of `linux/if.h` less the terminating zero.
const ALT_NAME_MAX: usize = 127;
/// The longest name of a file, and so of a named namespace.
const FILE_NAME_MAX: usize = 255;

/// The name of a link, such as `eth0`: 1 to 15 bytes, no slash, colon or white space, not `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkName(String);

/// Another name that a link has beside its own: 1 to 127 bytes, no slash, colon or white space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AltName(String);

/// The name of a namespace below `/run/netns`: a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetnsName(String);

impl TryFrom<String> for NetnsName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<NetnsName> for String {
    fn from(name: NetnsName) -> Self {
        name.0
    }
}

impl FromStr for LinkName {
    type Err = Error;

    // The rules are those of `dev_valid_name` in the kernel's net/core/dev.c.
    fn from_str(text: &str) -> Result<Self> {
        if text.len() > LINK_NAME_MAX {
            let cut: String = text.chars().take(LINK_NAME_MAX).collect();
            return Err(Error::invalid(format!(
                "a link's name has at most {LINK_NAME_MAX} bytes, `{text}` has {}",
                text.len()
            ))
            .hint(format!("shorten it, to `{cut}` for example")));
        }
        check(text, "a link", |c| {
            c == '/' || c == ':' || c.is_whitespace()
        })?;
        if text.contains('%') {
            return Err(Error::invalid(format!(
                "a link's name holds no `%`, `{text}` does"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for AltName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.len() > ALT_NAME_MAX {
            return Err(Error::invalid(format!(
                "an altname has at most {ALT_NAME_MAX} bytes, this one has {}",
                text.len()
            )));
        }
        check(text, "a link", |c| {
            c == '/' || c == ':' || c.is_whitespace()
        })?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NetnsName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.len() > FILE_NAME_MAX {
            return Err(Error::invalid(format!(
                "a namespace's name has at most {FILE_NAME_MAX} bytes, this one has {}",
                text.len()
            )));
        }
        check(text, "a namespace", |c| c == '/' || c.is_control())?;
        Ok(Self(text.to_owned()))
    }
}

/// The rules that both kinds of name share.
fn check(text: &str, whose: &str, forbidden: impl Fn(char) -> bool) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(format!("{whose}'s name can't be empty")));
    }
    if text == "." || text == ".." {
        return Err(Error::invalid(format!("{whose}'s name can't be `{text}`")));
    }
    if let Some(c) = text.chars().find(|c| forbidden(*c) || *c == '\0') {
        let what = match c {
            '/' => "slash".to_owned(),
            ':' => "colon".to_owned(),
            c if c.is_whitespace() => "white space".to_owned(),
            c => format!("{c:?}"),
        };
        return Err(Error::invalid(format!(
            "{whose}'s name holds no {what}, `{}` does",
            text.escape_debug()
        )));
    }
    Ok(())
}

macro_rules! text_of_name {
    ($type:ty) => {
        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
text_of_name!(LinkName);
text_of_name!(NetnsName);

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T: FromStr<Err = Error> + fmt::Debug>(text: &str) -> String {
        text.parse::<T>().unwrap_err().to_string()
    }

    #[test]
    fn fifteen_bytes_are_a_link_name_and_sixteen_are_not() {
        assert_eq!(
            "abcdefghijklmno".parse::<LinkName>().unwrap().as_str(),
            "abcdefghijklmno"
        );
        assert_eq!(
            refusal::<LinkName>("abcdefghijklmnop"),
            "a link's name has at most 15 bytes, `abcdefghijklmnop` has 16"
        );
    }

    #[test]
    fn a_name_that_the_kernel_would_refuse_is_refused_with_the_reason() {
        assert_eq!(refusal::<LinkName>(""), "a link's name can't be empty");
        assert_eq!(refusal::<LinkName>(".."), "a link's name can't be `..`");
        assert_eq!(
            refusal::<LinkName>("a/b"),
            "a link's name holds no slash, `a/b` does"
        );
        assert_eq!(
            refusal::<LinkName>("a b"),
            "a link's name holds no white space, `a b` does"
        );
        assert_eq!(
            refusal::<NetnsName>("a/b"),
            "a namespace's name holds no slash, `a/b` does"
        );
        assert_eq!(
            refusal::<NetnsName>(""),
            "a namespace's name can't be empty"
        );
    }
}
