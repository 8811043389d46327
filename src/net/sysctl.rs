//! Settings of a namespace below `/proc/sys/net`: `ipv4.ip_forward`, `ipv6.conf.all.forwarding`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::net::fault;
use crate::net::namespace::{self, Id, Namespace};
use crate::net::netns::Netns;
use crate::net::seam;

const ROOT: &str = "/proc/sys/net";

/// The name of a setting: its path below `/proc/sys/net`, which can't lead out of there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    let id = netns.namespace().id();
    if let Some(planned) = seam::plan().and_then(|plan| plan.setting(id, &key.path())) {
        return planned
            .map(|text| plain(&text))
            .map_err(|errno| explain(&io::Error::from(errno)));
    }
    let text = if netns.namespace().is_imagined() {
        // What a new namespace has is what the kernel was built with, as this one's defaults show.
        fs::read_to_string(key.of_new_link().path())
    } else {
        netns.within(|| match fs::read_to_string(key.path()) {
            // Of a link that is only planned, and was not tried out.
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_planned_link(id, key) => {
                fs::read_to_string(key.of_new_link().path())
            }
            text => text,
        })?
    };
    text.map(|text| plain(&text))
        .map_err(|error| explain(&error))
}

/// Whether the setting is one of a link that the plan has.
fn is_planned_link(place: Id, key: &Key) -> bool {
    match key.parts() {
        [_, _, link, _] => seam::plan().is_some_and(|plan| plan.has_link(place, link)),
        _ => false,
    }
}

/// The folders with settings of a namespace as a whole.
const FOLDERS: [&str; 7] = [
    "core",
    "ipv4",
    "ipv4/conf/all",
    "ipv4/conf/default",
    "ipv6",
    "ipv6/conf/all",
    "ipv6/conf/default",
];

/// What a link is given by hand: it has the others by itself, by its kind or its state.
const OF_LINK: [(&str, &[&str]); 2] = [
    (
        "ipv4",
        &[
            "accept_local",
            "accept_redirects",
            "accept_source_route",
            "arp_accept",
            "arp_announce",
            "arp_filter",
            "arp_ignore",
            "arp_notify",
            "ignore_routes_with_linkdown",
            "log_martians",
            "proxy_arp",
            "proxy_arp_pvlan",
            "route_localnet",
            "rp_filter",
            "secure_redirects",
            "send_redirects",
            "shared_media",
            "src_valid_mark",
        ],
    ),
    (
        "ipv6",
        &[
            "accept_ra",
            "accept_redirects",
            "accept_source_route",
            "autoconf",
            "dad_transmits",
            "disable_ipv6",
            "ignore_routes_with_linkdown",
            "keep_addr_on_down",
            "ndisc_notify",
            "proxy_ndp",
        ],
    ),
];

/// What a link is given of how it keeps its neighbours; the loopback of a new namespace has what all have by themselves. Those that
/// say the same in another unit are left out.
const OF_NEIGHBOURS: [&str; 14] = [
    "anycast_delay",
    "app_solicit",
    "base_reachable_time_ms",
    "delay_first_probe_time",
    "gc_stale_time",
    "interval_probe_time_ms",
    "locktime",
    "mcast_resolicit",
    "mcast_solicit",
    "proxy_delay",
    "proxy_qlen",
    "retrans_time_ms",
    "ucast_solicit",
    "unres_qlen_bytes",
];

/// The settings of a namespace that are not what a new one has.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// Those of the namespace as a whole, and of links that are still to be made.
    pub changed: BTreeMap<Key, String>,
    /// Those of its links that differ from what the namespace gives to each, by the names of the links; each key as
    /// `ipv4.rp_filter`.
    pub of_links: BTreeMap<String, Vec<(String, String)>>,
}

/// What a new namespace has.
#[derive(Debug)]
pub struct Usual {
    settings: BTreeMap<Key, String>,
    loopback: BTreeMap<String, Vec<(String, String)>>,
}

impl Usual {
    /// Reads it of a new namespace, which is made for that and goes.
    pub fn read() -> Result<Self> {
        let fresh = Namespace::make()?;
        let read = || (all_here(), links_here(&["lo"]));
        let (settings, loopback) = namespace::within(&fresh, read)?;
        Ok(Self { settings, loopback })
    }

    /// Those of its settings that the namespace has that this thread is in.
    fn here(&self) -> BTreeMap<Key, String> {
        let keys = self.settings.keys();
        let read = |key: &Key| Some((key.clone(), plain(&fs::read_to_string(key.path()).ok()?)));
        keys.filter_map(read).collect()
    }
}

/// Compares the settings of the namespace, and of `links` in it, with what is usual.
pub fn changed(usual: &Usual, namespace: &Namespace, links: &[&str]) -> Result<Changed> {
    let read = || (usual.here(), links_here(links));
    let (mut changed, present) = namespace::within(namespace, read)?;
    let Usual { settings, loopback } = usual;
    let mut of_links = BTreeMap::new();
    for (link, own) in present {
        let is_usual = |(key, value): &(String, String)| {
            let by_default = || {
                let (family, name) = key.split_once('.')?;
                changed.get(&Key::new([family, "conf", "default", name]).ok()?)
            };
            let is_of_neighbours = key.contains(".neigh.");
            let like = if is_of_neighbours { "lo" } else { &link };
            let there = loopback.get(like);
            let there = there.and_then(|own| own.iter().find(|(known, _)| known == key));
            let expected = there.map(|(_, value)| value).or_else(by_default);
            expected.is_none_or(|expected| expected == value)
        };
        let own: Vec<_> = own.into_iter().filter(|one| !is_usual(one)).collect();
        if !own.is_empty() {
            of_links.insert(link, own);
        }
    }
    changed.retain(|key, value| settings.get(key).is_some_and(|usual| usual != value));
    Ok(Changed { changed, of_links })
}

/// All settings of the namespace that this thread is in which can be written and read.
fn all_here() -> BTreeMap<Key, String> {
    let mut settings = BTreeMap::new();
    for folder in FOLDERS {
        let entries = fs::read_dir(Path::new(ROOT).join(folder));
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_set = |meta: fs::Metadata| meta.is_file() && meta.mode() & 0o600 == 0o600;
            // Which are secrets.
            if name.ends_with("_key") || name.ends_with("secret") {
                continue;
            }
            if !entry.metadata().is_ok_and(is_set) {
                continue;
            }
            let key = Key::new(folder.split('/').chain([name.as_str()]));
            let text = fs::read_to_string(entry.path());
            if let (Ok(key), Ok(text)) = (key, text) {
                settings.insert(key, plain(&text));
            }
        }
    }
    settings
}

/// What the links of the namespace that this thread is in are given.
fn links_here(links: &[&str]) -> BTreeMap<String, Vec<(String, String)>> {
    let of_link = |link: &str| {
        let mut settings = Vec::new();
        for (family, names) in OF_LINK {
            for name in names {
                let path = format!("{ROOT}/{family}/conf/{link}/{name}");
                if let Ok(text) = fs::read_to_string(path) {
                    settings.push((format!("{family}.{name}"), plain(&text)));
                }
            }
            for name in OF_NEIGHBOURS {
                let path = format!("{ROOT}/{family}/neigh/{link}/{name}");
                if let Ok(text) = fs::read_to_string(path) {
                    settings.push((format!("{family}.neigh.{name}"), plain(&text)));
                }
            }
        }
        settings
    };
    let links = links.iter();
    links
        .map(|link| ((*link).to_owned(), of_link(link)))
        .collect()
}

/// The folders that hold settings of each link, under its name.
const FOLDERS_OF_LINKS: [[&str; 2]; 4] = [
    ["ipv4", "conf"],
    ["ipv4", "neigh"],
    ["ipv6", "conf"],
    ["ipv6", "neigh"],
];

/// A setting of a link, apart from the link's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OfLink(Key);

impl OfLink {
    /// What it is called: `forwarding`.
    pub fn name(&self) -> &str {
        self.0.0.last().map_or("", String::as_str)
    }

    /// The same of the link `name`.
    pub fn of(&self, name: &str) -> Key {
        let mut parts = self.0.0.clone();
        parts.insert(parts.len() - 1, name.to_owned());
        Key(parts)
    }
}

impl TryFrom<String> for OfLink {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Key::try_from(text).map(Self)
    }
}

impl From<OfLink> for String {
    fn from(setting: OfLink) -> Self {
        setting.0.into()
    }
}

/// All settings of each of the links that can be written and read.
pub fn of_links(netns: &Netns, links: &[&str]) -> Result<Vec<Vec<(OfLink, String)>>> {
    let here = |link: &&str| {
        let mut settings = Vec::new();
        for [family, folder] in FOLDERS_OF_LINKS {
            let entries = fs::read_dir(format!("{ROOT}/{family}/{folder}/{link}"));
            for entry in entries.into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_set = |meta: fs::Metadata| meta.mode() & 0o600 == 0o600;
                // The MTU of IPv6 follows that of the link.
                if name == "mtu" || !entry.metadata().is_ok_and(is_set) {
                    continue;
                }
                let key = Key::new([family, folder, &name]);
                if let (Ok(key), Ok(text)) = (key, fs::read_to_string(entry.path())) {
                    settings.push((OfLink(key), plain(&text)));
                }
            }
        }
        settings.sort();
        settings
    };
    namespace::within(netns.namespace(), || links.iter().map(here).collect())
}

/// Sets the setting in `netns`.
pub fn write(netns: &Netns, key: &Key, value: &str) -> Result<()> {
    netns.check()?;
    if let Some(plan) = seam::plan() {
        read(netns, key)?;
        plan.set(netns.namespace().id(), &key.path(), value)
            .map_err(|errno| explain(&io::Error::from(errno)))?;
        return Ok(());
    }
    let written = netns.within(|| fault::guard(|| write_here(key, value)))?;
    written.map_err(|errno| explain(&io::Error::from(errno)))
}

/// Whether nobody may set it: the kernel only tells it.
pub fn is_read_only(netns: &Netns, key: &Key) -> bool {
    let mode = netns.within(|| fs::metadata(key.path()).map(|file| file.mode()));
    mode.is_ok_and(|mode| mode.is_ok_and(|mode| mode & 0o222 == 0))
}

/// Sets the setting of the namespace that this thread is in.
fn write_here(key: &Key, value: &str) -> std::result::Result<(), Errno> {
    write_file(&key.path(), value)
}

/// Writes to the file of a setting, which is not made where it is not there.
pub(super) fn write_file(file: &Path, value: &str) -> std::result::Result<(), Errno> {
    let file = fs::OpenOptions::new().write(true).open(file);
    let written = file.and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()));
    written.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
}

/// What stands beside the first part of `key` that is not there: the names that can be taken for it, sorted.
pub fn beside(netns: &Netns, key: &Key) -> Result<Vec<Key>> {
    netns.within(|| {
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

/// All settings of the namespace with their values, but those of links: only of those that `is_wanted` takes, and of all where
/// there are no more than `most`.
pub fn all(
    netns: &Netns,
    is_wanted: impl Fn(&str) -> bool,
    most: usize,
) -> Result<Vec<(Key, String)>> {
    let mut found = Vec::new();
    netns.within(|| {
        let mut folders = vec![Vec::new()];
        while let Some(parts) = folders.pop() {
            let entries = fs::read_dir(Path::new(ROOT).join(parts.join("/")));
            let entries: Vec<_> = entries.into_iter().flatten().flatten().collect();
            let is_of_links = matches!(&parts[..], [_, last] if last == "conf" || last == "neigh");
            for entry in &entries {
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                let is_every = ["all", "default"].contains(&name.as_str());
                if is_of_links && entries.len() > most + 2 && !is_every && !is_wanted(&name) {
                    continue;
                }
                let mut parts: Vec<String> = parts.clone();
                parts.push(name);
                if entry.path().is_dir() {
                    folders.push(parts);
                } else if let (Ok(key), Ok(value)) =
                    (Key::new(parts), fs::read_to_string(entry.path()))
                {
                    found.push((key, plain(&value)));
                }
            }
        }
    })?;
    found.sort();
    Ok(found)
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
