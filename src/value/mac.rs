//! Hardware addresses: `02:00:00:00:00:01` to bytes and back.

use crate::error::{Error, Result};

/// Reads a MAC address of six bytes.
pub fn parse(text: &str) -> Result<Vec<u8>> {
    let bytes: Option<Vec<u8>> = text
        .split([':', '-'])
        .map(|part| match part.len() {
            1 | 2 => u8::from_str_radix(part, 16).ok(),
            _ => None,
        })
        .collect();
    match bytes {
        Some(bytes) if bytes.len() == 6 => {
            if bytes[0] & 1 == 1 {
                return Err(Error::invalid(format!(
                    "`{text}` is a multicast address, a link needs a unicast one"
                ))
                .hint("the first byte must be even"));
            }
            Ok(bytes)
        }
        _ => Err(Error::invalid(format!("`{text}` is not a MAC address"))
            .hint("write it as \"02:00:00:00:00:01\"")),
    }
}

/// The bytes as `ip` prints them.
pub fn print(bytes: &[u8]) -> String {
    let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    parts.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_reads_and_prints() {
        assert_eq!(
            print(&parse("02:0:00:00:00:fF").unwrap()),
            "02:00:00:00:00:ff"
        );
        assert_eq!(
            parse("02:00:00:00:00").unwrap_err().to_string(),
            "`02:00:00:00:00` is not a MAC address"
        );
        assert_eq!(
            parse("01:00:00:00:00:00").unwrap_err().to_string(),
            "`01:00:00:00:00:00` is a multicast address, a link needs a unicast one"
        );
    }
}
