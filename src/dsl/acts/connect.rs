//! Quick checks, for labs where there is no `nc`, `curl` or `dig`: connect, a page of HTTP, a name.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::acts::{ping, why};
use crate::dsl::handle::Netns;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::net::dial::{self, Page};
use crate::net::resolve;
use crate::schema::{self, Form, Opt, Quantity};

const MOST: Opt = Opt::new(
    "most",
    Form::Quantity(Quantity::Size),
    "how much of the page is taken",
)
.default("1MiB");
const SERVER: Opt = Opt::new(
    "server",
    Form::Ip,
    "the name server that is asked, in place of those of the files",
);

/// What a quick look at a port can be told.
pub(crate) const OF_TCP: &[Opt] = &[ping::TIMEOUT.default("3s")];
/// What asking for a page can be told.
pub(crate) const OF_HTTP: &[Opt] = &[ping::TIMEOUT.default("3s"), MOST];
/// What resolving can be told.
pub(crate) const OF_RESOLVE: &[Opt] = &[SERVER];

/// How long is waited where nothing is said.
const USUAL: Duration = Duration::from_secs(3);
/// How much of a page is taken where nothing is said.
const PAGE: u32 = 1 << 20;

/// The host and the port of `HOST:PORT`, in which an address of IPv6 has brackets.
fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let port = port.parse().ok().filter(|port| *port > 0)?;
    (!host.is_empty()).then_some((host, port))
}

/// The address of a host: itself, that of a namespace, or that which the namespace `net` resolves the name to.
fn address_of(session: &Rc<Session>, net: &Netns, host: &str) -> Result<IpAddr> {
    if let Ok(ip) = host.parse() {
        return Ok(ip);
    }
    if let Some(other) = crate::dsl::objects::netns::existing(host)? {
        return crate::dsl::objects::addr::first_global(session, &other);
    }
    let found = session.wait_or_interrupt(resolve::resolve(net, host, None))?;
    let found = found.map_err(|error| error.doing("resolve", host))?;
    let first = found.addresses.first().copied();
    first.ok_or_else(|| Error::new(Kind::NotFound, format!("`{host}` has no address")))
}

/// Says of a connection that does not come about what is in its way.
fn explained(session: &Rc<Session>, net: &Netns, to: SocketAddr, error: Error) -> Error {
    if error.hint.is_some() {
        return error;
    }
    match (error.kind, error.errno) {
        (Kind::Unreachable, Some(nix::errno::Errno::ECONNREFUSED)) => {
            let port = to.port();
            error
                .cause(format!(
                    "nothing listens on port {port} of {}, or a filter refuses it",
                    to.ip()
                ))
                .hint(format!("have something listen there: net.listen({port})"))
        }
        (Kind::Unreachable | Kind::Timeout, _) => {
            let from = Dynamic::from(net.clone());
            let (cause, hint) = why::advice(session, &from, net.label(), to.ip(), &Map::new());
            error.note(format!("cause: {cause}")).hint(hint)
        }
        _ => error,
    }
}

/// What connecting brought; none in a plan.
fn tcp(session: &Rc<Session>, net: &Netns, to: &str, options: Map) -> Result<Map> {
    let context =
        |error: Error| error.unless_said(|error| error.doing("connect to", to).within(net.label()));
    let options = &mut schema::options("tcp", options, &[OF_TCP]).map_err(context)?;
    let limit = ping::TIMEOUT.take_duration(options).map_err(context)?;
    let limit = limit.unwrap_or(USUAL);
    let (host, port) = host_and_port(to).ok_or_else(|| {
        context(
            Error::invalid("an address and a port are wanted, with a colon between them")
                .hint("write for example \"10.0.0.2:80\" or \"[fd00::2]:80\""),
        )
    })?;
    net.check()?;
    if session.lab().would_test(net, ("tcp", to)) {
        return Ok(connection(host, port, "", Duration::ZERO));
    }
    let ip = address_of(session, net, host).map_err(context)?;
    let to = SocketAddr::new(ip, port);
    let dialled = session.wait_or_interrupt(dial::connect(net, to, limit))?;
    let dialled = dialled.map_err(|error| context(explained(session, net, to, error)))?;
    let (ip, source) = (ip.to_string(), dialled.source.ip().to_string());
    Ok(connection(&ip, port, &source, dialled.time))
}

fn connection(address: &str, port: u16, source: &str, time: Duration) -> Map {
    Map::from([
        ("address".into(), address.to_owned().into()),
        ("port".into(), i64::from(port).into()),
        ("source".into(), source.to_owned().into()),
        ("time_ms".into(), ping::in_milliseconds(time).into()),
    ])
}

/// The parts of an address of a page: `HOST[:PORT]`, the host, the port, the path.
fn url_parts(url: &str) -> Result<(&str, &str, u16, String)> {
    let wrong = |cause: &str| {
        Error::invalid(cause)
            .hint("write for example \"http://10.0.0.2/\" or \"http://[fd00::2]:8080/x\"")
    };
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        Some(("https", _)) => {
            return Err(
                Error::new(Kind::Unsupported, "pages of https are not asked for")
                    .hint("take `exec` with `curl` for it"),
            );
        }
        _ => return Err(wrong("it does not begin with http://")),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    if path
        .chars()
        .chain(place.chars())
        .any(|c| c.is_control() || c == ' ' || !c.is_ascii())
    {
        return Err(wrong(
            "a character in it is to be written as % and its number",
        ));
    }
    let with_port = format!("{place}:80");
    let found = match host_and_port(place) {
        Some(found) => Some(found),
        None => host_and_port(&with_port).map(|(host, port)| {
            let begin = place.find(host).unwrap_or_default();
            (&place[begin..begin + host.len()], port)
        }),
    };
    let (host, port) = found.ok_or_else(|| wrong("its host or port makes no sense"))?;
    Ok((place, host, port, path))
}

fn http(session: &Rc<Session>, net: &Netns, url: &str, options: Map) -> Result<Map> {
    let context =
        |error: Error| error.unless_said(|error| error.doing("get", url).within(net.label()));
    let options = &mut schema::options("http", options, &[OF_HTTP]).map_err(context)?;
    let limit = ping::TIMEOUT.take_duration(options).map_err(context)?;
    let limit = limit.unwrap_or(USUAL);
    let most = MOST.take_size(options).map_err(context)?.unwrap_or(PAGE);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (place, host, port, path) = url_parts(url).map_err(context)?;
    net.check()?;
    if session.lab().would_test(net, ("http", url)) {
        let hoped = Page {
            status: 200,
            ..Page::default()
        };
        return Ok(page(hoped, Duration::ZERO));
    }
    let ip = address_of(session, net, host).map_err(context)?;
    let to = SocketAddr::new(ip, port);
    let began = std::time::Instant::now();
    let dialled = session.wait_or_interrupt(dial::connect(net, to, limit))?;
    let dialled = dialled.map_err(|error| context(explained(session, net, to, error)))?;
    let found = session.wait_or_interrupt(dialled.get(place, &path, most, limit))?;
    let found = found.map_err(context)?;
    if found.is_cut {
        session.note(&format!(
            "page `{url}`: only the first {most} bytes are taken; #{{most: \"10MiB\"}} takes more"
        ));
    }
    Ok(page(found, began.elapsed()))
}

fn page(page: Page, time: Duration) -> Map {
    let mut headers = Map::new();
    for (name, value) in page.headers {
        // What comes twice is a list with commas.
        match headers.entry(name.into()) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(value.into());
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let both = format!("{}, {value}", entry.get());
                *entry.get_mut() = both.into();
            }
        }
    }
    Map::from([
        ("status".into(), i64::from(page.status).into()),
        ("reason".into(), page.reason.into()),
        ("headers".into(), headers.into()),
        (
            "body".into(),
            String::from_utf8_lossy(&page.body).into_owned().into(),
        ),
        ("time_ms".into(), ping::in_milliseconds(time).into()),
    ])
}

fn addresses(session: &Rc<Session>, net: &Netns, name: &str, options: Map) -> Result<Array> {
    let context =
        |error: Error| error.unless_said(|error| error.doing("resolve", name).within(net.label()));
    let options = &mut schema::options("resolve", options, &[OF_RESOLVE]).map_err(context)?;
    let server = SERVER.take_ip(options).map_err(context)?;
    net.check()?;
    if name.is_empty() || name.chars().any(char::is_whitespace) {
        return Err(context(Error::invalid(format!("`{name}` can't be a name"))));
    }
    if session.lab().would_test(net, ("resolve", name)) {
        return Ok(vec!["0.0.0.0".into()]);
    }
    let found = session.wait_or_interrupt(resolve::resolve(net, name, server))?;
    let found = found.map_err(context)?;
    let all = found.addresses.iter();
    Ok(all.map(|ip| Dynamic::from(ip.to_string())).collect())
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Connects from the namespace to `HOST:PORT` over TCP, closes it again, and returns `address`, `port`, `source` and `time_ms`.
    ///
    /// The host is an address, a namespace or a name. Fails with `unreachable` where nothing listens or no way leads there, with
    /// `timeout` where nobody answers within three seconds, and says why and what to type.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.tcp("127.0.0.1:80");    // !! nothing listens on port 80 of 127.0.0.1
    /// ```
    #[rhai_fn(name = "tcp", return_raw, volatile)]
    pub fn tcp_(context: NativeCallContext, net: &mut Netns, to: &str) -> Answer<Map> {
        tcp_with(context, net, to, Map::new())
    }

    /// The same with an option: `timeout` ("3s").
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
    /// v.peer.addr("10.0.0.2/24").up();
    /// netns("b").listen(80);
    /// netns("a").tcp("b:80", #{timeout: "5s"}).address    // => "10.0.0.2"
    /// ```
    #[rhai_fn(name = "tcp", return_raw, volatile)]
    pub fn tcp_with(
        context: NativeCallContext,
        net: &mut Netns,
        to: &str,
        options: Map,
    ) -> Answer<Map> {
        answer(&context, |session| super::tcp(session, net, to, options))
    }

    /// Asks for a page of HTTP from the namespace, and returns `status`, `reason`, `headers`, `body` and `time_ms`.
    ///
    /// Each answer of a server is a result, whatever its status; redirections are not followed. A page of `https://` is refused. Fails
    /// as `tcp` does where nobody answers.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.listen(8080, #{http: "it works"});
    /// a.http("http://127.0.0.1:8080/x").status    // => 200
    /// ```
    #[rhai_fn(name = "http", return_raw, volatile)]
    pub fn http_(context: NativeCallContext, net: &mut Netns, url: &str) -> Answer<Map> {
        http_with(context, net, url, Map::new())
    }

    /// The same with options: `timeout` ("3s") of the connection and of the answer, and the `most` that is taken of the body ("1MiB").
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.listen(80, #{http: "it works"});
    /// a.http("http://127.0.0.1/", #{most: 2}).body    // => "it"
    /// ```
    #[rhai_fn(name = "http", return_raw, volatile)]
    pub fn http_with(
        context: NativeCallContext,
        net: &mut Netns,
        url: &str,
        options: Map,
    ) -> Answer<Map> {
        answer(&context, |session| super::http(session, net, url, options))
    }

    /// Resolves a name from the namespace, and returns its addresses as a list, those of IPv4 first.
    ///
    /// Looks into the `hosts` file, then asks the name servers of `resolv.conf`, over sockets of the namespace: the files of
    /// `/etc/netns/NAME` go before those of `/etc`. Fails with `not_found` where the name has no address, and with `timeout` or
    /// `unreachable` where no name server answers.
    ///
    /// ```rhai
    /// netns("a").resolve("localhost")[0]    // => "127.0.0.1"
    /// ```
    #[rhai_fn(name = "resolve", return_raw, volatile)]
    pub fn resolve_(context: NativeCallContext, net: &mut Netns, name: &str) -> Answer<Array> {
        resolve_with(context, net, name, Map::new())
    }

    /// The same with an option: `server`, the name server that is asked in place of those of the files.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.resolve("x.test.", #{server: "127.0.0.1"});    // !! no name server answers: 127.0.0.1: connection refused
    /// ```
    #[rhai_fn(name = "resolve", return_raw, volatile)]
    pub fn resolve_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Array> {
        answer(&context, |session| {
            super::addresses(session, net, name, options)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_host_and_a_port() {
        assert_eq!(host_and_port("10.0.0.2:80"), Some(("10.0.0.2", 80)));
        assert_eq!(host_and_port("[fd00::2]:80"), Some(("fd00::2", 80)));
        assert_eq!(host_and_port("web.test:8080"), Some(("web.test", 8080)));
        for wrong in [
            "10.0.0.2",
            "fd00::2",
            ":80",
            "a:",
            "a:0",
            "a:70000",
            "[fd00::2]",
            "[a:80",
        ] {
            assert_eq!(host_and_port(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_page_has_a_place_and_a_path() {
        let parts = |url| {
            let found = url_parts(url)
                .map(|(place, host, port, path)| format!("{place} {host} {port} {path}"));
            found.unwrap_or_else(|error| error.cause)
        };
        assert_eq!(parts("http://10.0.0.2"), "10.0.0.2 10.0.0.2 80 /");
        assert_eq!(parts("http://b:81/x?y#z"), "b:81 b 81 /x?y");
        assert_eq!(parts("http://[fd00::2]?q"), "[fd00::2] fd00::2 80 /?q");
        assert_eq!(parts("https://b/"), "pages of https are not asked for");
        assert_eq!(parts("ftp://b/"), "it does not begin with http://");
        assert_eq!(parts("http:///x"), "its host or port makes no sense");
        assert_eq!(
            parts("http://b/a b"),
            "a character in it is to be written as % and its number"
        );
    }
}
