//! The files by which a namespace resolves names: those of `/etc/netns/NAME` before those of `/etc`.

use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::net::namespace;
use crate::net::netns::Netns;

/// How many name servers are asked, and how many suffixes are tried: as many as the C library does.
const SERVERS: usize = 3;
const SUFFIXES: usize = 6;

/// What `resolv.conf` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) servers: Vec<IpAddr>,
    pub(super) search: Vec<String>,
    /// A name of so many dots is tried as it is before it gets a suffix.
    pub(super) dots: usize,
    /// How long a server has.
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
}

impl Config {
    /// Reads the text of the file.
    pub(super) fn parse(text: &str) -> Self {
        let mut config = Self {
            servers: Vec::new(),
            search: Vec::new(),
            dots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
        };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    // A scope names a link, which only that of a link-local address has.
                    let ip: Option<IpAddr> = words.next().and_then(|ip| ip.parse().ok());
                    config.servers.extend(ip);
                }
                Some("search" | "domain") => {
                    config.search = words.take(SUFFIXES).map(str::to_owned).collect();
                }
                Some("options") => {
                    for option in words {
                        let Some((key, value)) = option.split_once(':') else {
                            continue;
                        };
                        let Ok(number) = value.parse::<u32>() else {
                            continue;
                        };
                        match key {
                            "ndots" => config.dots = usize::try_from(number.min(15)).unwrap_or(1),
                            "timeout" => {
                                config.timeout = Duration::from_secs(number.clamp(1, 30).into());
                            }
                            "attempts" => config.attempts = number.clamp(1, 5),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        config.servers.truncate(SERVERS);
        if config.servers.is_empty() {
            config.servers.push(IpAddr::from([127, 0, 0, 1]));
        }
        config
    }

    /// The full names that a name may stand for, in the order in which they are tried.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(whole) = name.strip_suffix('.') {
            return vec![whole.to_owned()];
        }
        let suffixed = self.search.iter().map(|suffix| {
            let suffix = suffix.trim_end_matches('.');
            format!("{name}.{suffix}")
        });
        let mut candidates: Vec<String> = suffixed.collect();
        let is_first = name.matches('.').count() >= self.dots;
        let at = if is_first { 0 } else { candidates.len() };
        candidates.insert(at, name.to_owned());
        candidates
    }
}

/// The addresses that the text of a `hosts` file has for a name.
pub(super) fn hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.trim_end_matches('.');
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let found = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let ip: IpAddr = words.next()?.parse().ok()?;
        words
            .any(|known| known.eq_ignore_ascii_case(name))
            .then_some(ip)
    });
    found.collect()
}

/// The text of that file of the namespace; empty where there is none.
pub(super) fn read(netns: &Netns, file: &str) -> Result<String> {
    let name = netns.path().strip_prefix(namespace::NAMES).ok();
    let own = name.map(|name| PathBuf::from("/etc/netns").join(name).join(file));
    let paths = own.into_iter().chain([PathBuf::from("/etc").join(file)]);
    for path in paths {
        match fs::read(&path) {
            Ok(bytes) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(&error).doing("read", &path.to_string_lossy())),
        }
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_says_whom_to_ask_and_for_what() {
        let config = Config::parse(
            "# by hand\nnameserver 10.0.0.53\nnameserver fd00::53\nsearch a.test b.test.\noptions ndots:2 timeout:1 edns0\n",
        );
        assert_eq!(config.servers.len(), 2);
        assert_eq!(config.timeout, Duration::from_secs(1));
        assert_eq!(config.candidates("x"), ["x.a.test", "x.b.test", "x"]);
        assert_eq!(
            config.candidates("x.y.z"),
            ["x.y.z", "x.y.z.a.test", "x.y.z.b.test"]
        );
        assert_eq!(config.candidates("x."), ["x"]);
        let none = Config::parse("");
        assert_eq!(none.servers, [IpAddr::from([127, 0, 0, 1])]);
    }

    #[test]
    fn a_host_has_the_addresses_of_all_its_lines() {
        let text = "127.0.0.1 localhost\n10.0.0.2 b www # web\nfd00::2 B.test b\n#10.0.0.3 b\n";
        let found = hosts(text, "b").into_iter().map(|ip| ip.to_string());
        assert_eq!(found.collect::<Vec<_>>(), ["10.0.0.2", "fd00::2"]);
        assert_eq!(hosts(text, "WWW.").len(), 1);
        assert_eq!(hosts(text, "web"), Vec::<IpAddr>::new());
    }
}
