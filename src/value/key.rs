//! Keys of WireGuard: 32 bytes, written in base64.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::error::{Error, Result};

/// How many bytes a key has.
pub const LENGTH: usize = 32;

/// A key: a private one, a public one, or one that two peers share.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(pub [u8; LENGTH]);

impl Key {
    /// Stands for "no key".
    pub const NONE: Self = Self([0; LENGTH]);

    /// A new private key.
    pub fn generate() -> Self {
        Self(StaticSecret::random().to_bytes()).clamped()
    }

    /// The public key of this private one.
    #[must_use]
    pub fn public(&self) -> Self {
        Self(PublicKey::from(&StaticSecret::from(self.0)).to_bytes())
    }

    /// The private key as the kernel keeps it: with the bits fixed that curve 25519 does not use.
    #[must_use]
    pub fn clamped(mut self) -> Self {
        self.0[0] &= 0b1111_1000;
        self.0[LENGTH - 1] &= 0b0111_1111;
        self.0[LENGTH - 1] |= 0b0100_0000;
        self
    }

    /// Whether it is a key.
    pub fn is_some(&self) -> bool {
        *self != Self::NONE
    }
}

impl FromStr for Key {
    type Err = Error;

    /// The error does not repeat the text, which may be most of a secret.
    fn from_str(text: &str) -> Result<Self> {
        let bytes = BASE64_STANDARD.decode(text.trim()).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| {
            Error::invalid(format!(
                "a key is {LENGTH} bytes in base64, 44 characters, and this is not"
            ))
            .hint("wg_key() makes a private key, wg_public(key) gives the public one to it")
        })
    }
}

impl TryFrom<String> for Key {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Key {
    /// Hides the key: it may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The key pair of Alice in section 6.1 of RFC 7748, in base64.
    const PRIVATE: &str = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
    const PUBLIC: &str = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

    #[test]
    fn a_private_key_has_one_public_key() {
        let private: Key = PRIVATE.parse().unwrap();
        assert_eq!(private.public().to_string(), PUBLIC);
        assert_eq!(private.clamped().public().to_string(), PUBLIC);
    }

    #[test]
    fn two_new_keys_are_not_the_same() {
        let (one, other) = (Key::generate(), Key::generate());
        assert!(one != other);
        assert!(one.clamped() == one);
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        for text in ["", "secret", &PRIVATE[1..], "AAAA"] {
            let error = text.parse::<Key>().unwrap_err();
            assert_eq!(
                error.to_string(),
                "a key is 32 bytes in base64, 44 characters, and this is not"
            );
        }
    }
}
