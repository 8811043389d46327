//! Tiny servers, for labs where there is no `nc` or `python3`: an echo, a fixed text, a page.

use std::cell::RefCell;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::Netns;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::Object;
use crate::net::listener::{self, Protocol};
use crate::net::namespace::Id;
use crate::net::serve::{self, Service};
use crate::schema::{self, Form, Opt};
use crate::value::count;
use crate::value::options::in_range;
use crate::view::value::{Handle, Value};

const PROTO: Opt = Opt::new(
    "proto",
    Form::Choice(&[("tcp", 0), ("udp", 1)]),
    "the protocol; of UDP, what comes is sent back",
)
.default("tcp");
const ADDRESS: Opt = Opt::new(
    "address",
    Form::Ip,
    "the address to listen on; all of both families, where nothing is said",
);
const TEXT: Opt = Opt::new(
    "text",
    Form::Text,
    "what each connection gets, which is closed then",
);
const HTTP: Opt = Opt::new(
    "http",
    Form::Text,
    "what each request of HTTP gets, as text",
);
/// What a server can be told.
pub(crate) const ROWS: &[Opt] = &[PROTO, ADDRESS, TEXT, HTTP];

/// A tiny server, as scripts hold it. Copies share it.
#[derive(Clone, Debug)]
pub struct Server(Rc<State>);

#[derive(Debug)]
struct State {
    netns: String,
    protocol: Protocol,
    address: SocketAddr,
    /// None in a plan, and when it was closed.
    runs: RefCell<Option<serve::Server>>,
}

impl Server {
    /// Ends it.
    pub(crate) fn close(&self) {
        self.0.runs.take();
    }

    /// Ends it if it is in that namespace, which would live on else.
    pub(crate) fn leave(&self, namespace: Id) {
        let is_there = |runs: &serve::Server| runs.namespace() == namespace;
        if self.0.runs.borrow().as_ref().is_some_and(is_there) {
            self.close();
        }
    }

    fn is_running(&self) -> bool {
        self.0.runs.borrow().is_some()
    }

    fn served(&self) -> u64 {
        self.0
            .runs
            .borrow()
            .as_ref()
            .map_or(0, serve::Server::served)
    }
}

fn listen(session: &Rc<Session>, net: &Netns, port: i64, options: Map) -> Result<Server> {
    let context = |error: Error| {
        error
            .unless_said(|error| error.doing("listen on port", &port.to_string()))
            .within(net.label())
    };
    let read = || {
        let options = &mut schema::options("listen", options, &[ROWS])?;
        let port = in_range("port", port, 0..=i64::from(u16::MAX))?;
        let protocol = match PROTO.take_named("`listen`", options)?.as_deref() {
            Some("udp") => Protocol::Udp,
            _ => Protocol::Tcp,
        };
        let text = TEXT.take_text(options)?.map(Service::Text);
        let http = HTTP.take_text(options)?.map(Service::Http);
        let service = match (text, http) {
            (Some(_), Some(_)) => {
                return Err(
                    Error::invalid("`text` and `http` both say what is answered")
                        .hint("give the one or the other"),
                );
            }
            (Some(_), None) | (None, Some(_)) if protocol == Protocol::Udp => {
                return Err(Error::invalid("what comes by UDP is sent back")
                    .hint("leave out what is to be answered, or give proto: \"tcp\""));
            }
            (text, http) => text.or(http).unwrap_or(Service::Echo),
        };
        let port = u16::try_from(port).unwrap_or_default();
        Ok((protocol, ADDRESS.take_ip(options)?, port, service))
    };
    let (protocol, ip, port, service) = read().map_err(context)?;
    net.check()?;
    let any = SocketAddr::new(ip.unwrap_or(Ipv6Addr::UNSPECIFIED.into()), port);
    let state = |address, runs| {
        Server(Rc::new(State {
            netns: net.label().to_owned(),
            protocol,
            address,
            runs: RefCell::new(runs),
        }))
    };
    let what = format!("{} port {port}", protocol.name());
    if session.lab().would_test(net, Object::test("listen", &what)) {
        return Ok(state(any, None));
    }
    let start = |address| serve::Server::start(net, protocol, address, service.clone());
    let started = match start(any) {
        // A kernel without IPv6 has one family only.
        Err(error) if ip.is_none() && error.errno != Some(nix::errno::Errno::EADDRINUSE) => {
            start(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
        }
        started => started,
    };
    let runs = started.map_err(|error| context(not_started(net, protocol, any, error)))?;
    let server = state(runs.address(), Some(runs));
    session.add_server(server.clone());
    Ok(server)
}

/// Says of a server that can't be started what is in its way.
fn not_started(net: &Netns, protocol: Protocol, address: SocketAddr, error: Error) -> Error {
    match error.errno {
        Some(nix::errno::Errno::EADDRINUSE) => {
            let all = listener::all(net, protocol).unwrap_or_default();
            let other = all.iter().find(|one| one.port == address.port());
            let error = error.kind(Kind::Busy).cause(match other {
                Some(other) => format!("something listens there already, on {}", other.address),
                None => "the port is in use".to_owned(),
            });
            error.hint("take another port; 0 is a free one, and .port says which")
        }
        Some(nix::errno::Errno::EADDRNOTAVAIL) => error
            .cause(format!(
                "namespace `{}` has no address {}",
                net.label(),
                address.ip()
            ))
            .hint("give it to a link of the namespace first, or leave `address` out"),
        _ => error,
    }
}

/// What there is to show of a server.
pub(crate) fn show(server: &Server) -> Value {
    let state = &server.0;
    let how = if server.is_running() {
        "listening"
    } else {
        "closed"
    };
    let (proto, port) = (state.protocol.name(), state.address.port());
    let name = format!("{}: {proto} port {port}", state.netns);
    Value::Handle(Box::new(Handle {
        line: format!("{name}  {how}  {} served", server.served()),
        name,
        cells: vec![
            ("netns", state.netns.clone()),
            ("proto", proto.to_owned()),
            ("address", state.address.ip().to_string()),
            ("port", port.to_string()),
            ("state", how.to_owned()),
            ("served", server.served().to_string()),
        ],
        fields: vec![
            ("netns", Value::text(&state.netns)),
            ("proto", Value::text(proto)),
            ("address", Value::text(state.address.ip())),
            ("port", Value::word(port)),
            ("running", Value::word(server.is_running())),
            ("served", Value::word(server.served())),
        ],
    }))
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Listens on the TCP port in the namespace until the run ends or `.close()`, and sends back what comes.
    ///
    /// It is a thread of ipvsh and no program, so that it works where there is none. Port 0 is a free one; `.port` says which. A port
    /// that is in use fails with `busy`. It is no part of the lab, and goes with the run.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// let server = a.listen(7);
    /// a.tcp("127.0.0.1:7");
    /// server.close().running    // => false
    /// ```
    #[rhai_fn(name = "listen", return_raw, volatile)]
    pub fn listen_(context: NativeCallContext, net: &mut Netns, port: i64) -> Answer<Server> {
        listen_with(context, net, port, Map::new())
    }

    /// The same with options: `text` that each connection gets, or `http` that each request of HTTP gets; `proto` ("tcp"), `address`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.link("lo").up();
    /// a.listen(80, #{http: "it works"});
    /// a.http("http://127.0.0.1/").body    // => "it works"
    /// ```
    #[rhai_fn(name = "listen", return_raw, volatile)]
    pub fn listen_with(
        context: NativeCallContext,
        net: &mut Netns,
        port: i64,
        options: Map,
    ) -> Answer<Server> {
        answer(&context, |session| {
            super::listen(session, net, port, options)
        })
    }

    /// Ends the server, and returns it. Ended already is no error.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.listen(0).close().running    // => false
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn close(context: NativeCallContext, server: &mut Server) -> Answer<Server> {
        answer(&context, |_| {
            server.close();
            Ok(server.clone())
        })
    }

    /// The port on which it listens.
    #[rhai_fn(get = "port")]
    pub fn get_port(server: &mut Server) -> i64 {
        server.0.address.port().into()
    }

    /// The namespace in which it listens.
    #[rhai_fn(get = "netns")]
    pub fn get_netns(server: &mut Server) -> String {
        server.0.netns.clone()
    }

    /// The protocol that it takes: `tcp` or `udp`.
    #[rhai_fn(get = "proto")]
    pub fn get_proto(server: &mut Server) -> String {
        server.0.protocol.name().to_owned()
    }

    /// The address on which it listens; `::` for all of both families.
    #[rhai_fn(get = "address")]
    pub fn get_address(server: &mut Server) -> String {
        server.0.address.ip().to_string()
    }

    /// Whether it listens still.
    #[rhai_fn(get = "running")]
    pub fn get_running(server: &mut Server) -> bool {
        server.is_running()
    }

    /// How many connections it has taken, or datagrams sent back.
    #[rhai_fn(get = "served")]
    pub fn get_served(server: &mut Server) -> i64 {
        count::int(server.served())
    }

    /// The server in one line.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(server: &mut Server) -> String {
        super::show(server).show()
    }
}
