//! Settings of a namespace below `/proc/sys/net`: `ipv4.ip_forward`, `ipv6.conf.all.forwarding`.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::net::fault;
use crate::net::model;
use crate::net::namespace;
use crate::net::netns::Netns;

const ROOT: &str = "/proc/sys/net";

/// The name of a setting: its path below `/proc/sys/net`, which can't lead out of there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(Vec<String>);

impl Key {
    /// The key of these parts.
    ///
    /// Fails with `invalid` where a part is empty, leads out of the folder, or is more than one part.
    pub fn new<P: Into<String>>(parts: impl IntoIterator<Item = P>) -> Result<Self> {
        let parts: Vec<String> = parts.into_iter().map(Into::into).collect();
        let is_part = |part: &String| {
            !part.is_empty() && part != "." && part != ".." && !part.contains(['/', '\0'])
        };
        if parts.is_empty() || !parts.iter().all(is_part) {
            return Err(Error::invalid("that is not the name of a setting")
                .hint("write it as `sysctl` does, without `net.`: \"ipv4.ip_forward\""));
        }
        Ok(Self(parts))
    }

    /// The file below `/proc/sys/net`.
    fn path(&self) -> PathBuf {
        Path::new(ROOT).join(self.0.join("/"))
    }

    /// The same setting of a link that is still to be made.
    fn of_new_link(&self) -> Self {
        let mut parts = self.0.clone();
        if let [_, folder, link, _] = parts.as_mut_slice()
            && ["conf", "neigh"].contains(&folder.as_str())
            && link != "all"
        {
            "default".clone_into(link);
        }
        Self(parts)
    }

    /// Its parts: `ipv4`, `conf`, `eth0.10`, `rp_filter`.
    pub fn parts(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Key {
    type Err = Error;

    /// Reads `ipv4.ip_forward`, with or without `net.` in front. As in `sysctl`, the separator that comes first is the
    /// separator: `ipv4/conf/eth0.10/rp_filter` and `ipv4.conf.eth0/10.rp_filter` are one key.
    fn from_str(text: &str) -> Result<Self> {
        let is_swapped = text
            .find(['.', '/'])
            .is_some_and(|at| text[at..].starts_with('.'));
        let parts: Vec<String> = if is_swapped {
            let parts = text.split('.');
            parts.map(|part| part.replace('/', ".")).collect()
        } else {
            text.split('/').map(str::to_owned).collect()
        };
        let skipped = usize::from(parts.len() > 1 && parts[0] == "net");
        Self::new(parts.into_iter().skip(skipped))
    }
}

impl TryFrom<String> for Key {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text.split('/'))
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0.join("/")
    }
}

impl fmt::Display for Key {
    /// As `sysctl` prints it, without `net.`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(&part.replace('.', "/"))?;
        }
        Ok(())
    }
}

/// The value that the setting has in `netns`: its words, with one blank between them.
pub fn read(netns: &Netns, key: &Key) -> Result<String> {
    netns.check()?;
    let model = model::active();
    if let Some(planned) = model.and_then(|model| model.setting(netns.namespace().id(), key)) {
        return Ok(planned);
    }
    let text = if netns.namespace().is_imagined() {
        // What a new namespace has is what the kernel was built with, as this one's defaults show.
        fs::read_to_string(key.of_new_link().path())
    } else {
        namespace::within(netns.namespace(), || fs::read_to_string(key.path()))?
    };
    text.map(|text| plain(&text))
        .map_err(|error| explain(&error))
}

/// Sets the setting in `netns`.
pub fn write(netns: &Netns, key: &Key, value: &str) -> Result<()> {
    netns.check()?;
    if let Some(model) = model::active() {
        read(netns, key)?;
        model.set(netns.namespace().id(), key, value);
        return Ok(());
    }
    let written = namespace::within(netns.namespace(), || {
        fault::guard(|| {
            // Not `fs::write`: what is not there is not to be made.
            let file = fs::OpenOptions::new().write(true).open(key.path());
            let written =
                file.and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()));
            written.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
        })
    })?;
    written.map_err(|errno| explain(&io::Error::from(errno)))
}

/// What stands beside the first part of `key` that is not there: the names that can be taken for it, sorted.
pub fn beside(netns: &Netns, key: &Key) -> Result<Vec<Key>> {
    namespace::within(netns.namespace(), || {
        let mut known = 0;
        let mut folder = PathBuf::from(ROOT);
        while known + 1 < key.0.len() && folder.join(&key.0[known]).is_dir() {
            folder.push(&key.0[known]);
            known += 1;
        }
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut keys: Vec<Key> = names
            .map(|name| {
                let mut parts = key.0.clone();
                parts[known] = name;
                Key(parts)
            })
            .collect();
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        keys
    })
}

/// Whether two values say the same: the kernel prints tabs where blanks may be written.
pub fn plain(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn explain(error: &io::Error) -> Error {
    let explained = Error::io(error);
    match explained.errno {
        Some(Errno::ENOENT | Errno::ENOTDIR | Errno::EISDIR) => explained
            .kind(Kind::NotFound)
            .cause("there is no such setting"),
        Some(Errno::EROFS) => explained
            .kind(Kind::Denied)
            .cause("/proc/sys is mounted read-only here")
            .hint("run it in a throw-away place with --sandbox"),
        _ => explained,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_for_sysctl() {
        let path = |text: &str| text.parse::<Key>().unwrap().path();
        let at = |text: &str| Path::new(ROOT).join(text);
        assert_eq!(path("ipv4.ip_forward"), at("ipv4/ip_forward"));
        assert_eq!(path("net.ipv4.ip_forward"), at("ipv4/ip_forward"));
        assert_eq!(path("ipv4.conf.eth0/10.mtu"), at("ipv4/conf/eth0.10/mtu"));
        assert_eq!(path("ipv4/conf/eth0.10/mtu"), at("ipv4/conf/eth0.10/mtu"));
        let key: Key = "ipv4/conf/eth0.10/mtu".parse().unwrap();
        assert_eq!(key.to_string(), "ipv4.conf.eth0/10.mtu");
    }

    #[test]
    fn no_key_leads_out_of_the_folder() {
        for text in [
            "",
            ".",
            "..",
            "/",
            "../kernel/x",
            "ipv4/../../kernel",
            "/etc/passwd",
            "ipv4..x",
            "ipv4.//.x",
            "net/../x",
            "net.",
            "ipv4/\0",
        ] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
        for text in ["", "..", "../kernel/x", "ipv4/../../kernel", "/etc/passwd"] {
            assert!(Key::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(Key::new(["ipv4", "conf", "../../x"]).is_err());
    }
}
