//! The hosts that `--on` names: destinations of ssh, in the line or in a file.

use std::collections::BTreeSet;
use std::path::Path;

use crate::engine::Failure;
use crate::error::Error;
use crate::net;
use crate::view::error::Report;

/// Reads `HOST,HOST,…`, where `@FILE` stands for the hosts that a file lists, one a line.
pub(super) fn read(text: &str) -> Result<Vec<String>, Failure> {
    let mut hosts = Vec::new();
    for word in text.split(',').map(str::trim) {
        match word.strip_prefix('@') {
            Some(file) => hosts.extend(read_file(file)?),
            None => hosts.push(check(word).map_err(usage)?),
        }
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = hosts.iter().find(|host| !seen.insert(host.as_str())) {
        let report = Report::new(format!("host `{twice}` is named twice"));
        return Err(Failure::usage(
            report.hint("a script runs once on each host: name it once"),
        ));
    }
    if hosts.is_empty() {
        let report = Report::new("`--on` names no host");
        return Err(Failure::usage(
            report.hint("give destinations of ssh: `--on root@h1,root@h2`"),
        ));
    }
    Ok(hosts)
}

fn read_file(file: &str) -> Result<Vec<String>, Failure> {
    let read = net::file::read(Path::new(file));
    let text = read.and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| Error::invalid("it is not UTF-8 text"))
    });
    let text = text.map_err(|error| {
        let report = Report::new(format!("cannot read the hosts of `{file}`: {error}"));
        Failure::usage(report.hint("it lists destinations of ssh, one a line"))
    })?;
    parse(&text).map_err(|(line, report)| {
        let message = format!("{file}, line {line}: {}", report.message);
        Failure::usage(Report { message, ..report })
    })
}

/// The hosts of a file; else the line that is none, and why.
fn parse(text: &str) -> Result<Vec<String>, (usize, Report)> {
    let lines = text.lines().zip(1..);
    let lines = lines.map(|(line, number)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        (line, number)
    });
    let told = lines.filter(|(line, _)| !line.is_empty());
    told.map(|(line, number)| check(line).map_err(|report| (number, report)))
        .collect()
}

fn usage(report: Report) -> Failure {
    Failure::usage(report)
}

/// The destination, if it can be one: what begins with a dash would be an option of ssh.
fn check(host: &str) -> Result<String, Report> {
    let is_odd = |letter: char| letter.is_whitespace() || letter.is_control();
    if host.is_empty() {
        return Err(Report::new("a host has no name")
            .hint("give destinations of ssh, with commas between them: `--on root@h1,root@h2`"));
    }
    if host.starts_with(['-', '[']) || host.contains(is_odd) {
        let host = host.escape_debug();
        return Err(
            Report::new(format!("`{host}` is no destination of ssh")).hint(
                "write `HOST`, `USER@HOST` or `ssh://USER@HOST:PORT`; all else goes into ~/.ssh/config",
            ),
        );
    }
    Ok(host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        read(text).unwrap_err().report.message
    }

    #[test]
    fn hosts_are_destinations_of_ssh() {
        let hosts = read("h1, root@h2,ssh://root@h3:2222").unwrap();
        assert_eq!(hosts, ["h1", "root@h2", "ssh://root@h3:2222"]);
        assert_eq!(
            parse("# lab\nroot@h1 # first\n\nh2\n").unwrap(),
            ["root@h1", "h2"]
        );
    }

    #[test]
    fn what_is_none_is_refused_and_named() {
        assert_eq!(refusal("h1,,h2"), "a host has no name");
        assert_eq!(refusal("h1,h2,h1"), "host `h1` is named twice");
        assert_eq!(
            refusal("-oProxyCommand=x"),
            "`-oProxyCommand=x` is no destination of ssh"
        );
        let (line, report) = parse("h1\nh2 ansible_host=10.0.0.1\n").unwrap_err();
        assert_eq!(
            (line, report.message.as_str()),
            (2, "`h2 ansible_host=10.0.0.1` is no destination of ssh")
        );
    }
}
