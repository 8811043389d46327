//! `ipvsh view`: a lab as a page in the browser, which tells what happens as it happens.

mod ask;
mod gate;
mod server;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGTERM};

use super::line::{Options, View};
use super::meter::{Meter, counted};
use super::{graph, itself, output, with_files};
use crate::dsl::Session;
use crate::dsl::acts::graph::look;
use crate::dsl::session::Settings;
use crate::engine::signals::Signals;
use crate::engine::{Failure, stack};
use crate::error::{Error, Kind, Result};
use crate::net::monitor::Monitor;
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::view::error::Report;
use crate::view::graph::Graph;
use gate::Gate;
use server::{Seen, Site};

/// How often the namespaces are looked up anew, and rates are worked out.
const ROUND: Duration = Duration::from_secs(1);
/// After how many rounds it is looked at what the kernel does not tell by itself, such as who listens.
const SLOW: u32 = 3;
/// How soon after another a picture is drawn, at most: what changes is told in many steps.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the page until it is interrupted.
pub(super) fn run(what: &View, options: &Options) -> std::result::Result<u8, Failure> {
    with_files()?;
    stack::with_room(|| view(what, options))
        .unwrap_or_else(|error| Err(Error::io(&error)))
        .map_err(|error| Failure::script(Report::of(&error)))
}

/// How that of the namespaces is called which ipvsh was started in.
fn home(session: &Rc<Session>, places: &[Rc<Netns>]) -> Result<Option<String>> {
    let home = session.start()?;
    let mut places = places.iter();
    let found = places.find(|place| itself::is_home(place, &home));
    Ok(found.map(|place| place.label().to_owned()))
}

fn view(what: &View, options: &Options) -> Result<u8> {
    let session = Session::new(Settings::default());
    Signals::watch(&session, &[SIGTERM, SIGHUP])?;
    let places = graph::named(&session, &what.names)?;
    let home = home(&session, &places)?;
    let seen = Seen::of(&look(&session, &places)?, home);
    let site = Arc::new(Site::new(Gate::new()?, seen));
    let address = session.wait(async { listen(what.port.unwrap_or(0), &site) })??;
    let code = tell(&site.gate.address(address), address, options);
    if code != 0 {
        return Ok(code);
    }
    let mut eye = Eye {
        session,
        names: &what.names,
        places,
        is_gone: false,
        monitor: Monitor::default(),
        meter: Meter::default(),
        site,
    };
    eye.watch()?;
    Ok(130)
}

/// Begins to listen on the loopback, and to serve. To be called within the tokio runtime.
fn listen(port: u16, site: &Arc<Site>) -> Result<SocketAddr> {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listen = || {
        let listener = TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener)
    };
    let listener = listen().map_err(|error| {
        let taken = error.kind() == std::io::ErrorKind::AddrInUse;
        let error = Error::io(&error).doing("listen on", &at.to_string());
        if taken {
            error.hint("leave --port out for a port of the system's choosing")
        } else {
            error
        }
    })?;
    let address = listener.local_addr().map_err(|error| Error::io(&error))?;
    tokio::spawn(server::serve(listener, site.clone()));
    Ok(address)
}

/// Says where the page is. Returns the exit code where nobody can read it.
fn tell(page: &str, address: SocketAddr, options: &Options) -> u8 {
    if options.is_json() {
        return output::say_json(&json!({"address": page}));
    }
    let code = output::say(page);
    if !options.quiet {
        if std::env::var_os("SSH_CONNECTION").is_some() {
            let port = address.port();
            output::note(&format!(
                "for a browser on another machine, type there: ssh -N -L {port}:127.0.0.1:{port} and this host"
            ));
        }
        output::note("open it in a browser; Ctrl-C ends it");
    }
    code
}

/// What looks at the kernel, and tells the pages.
struct Eye<'a> {
    session: Rc<Session>,
    names: &'a [String],
    places: Vec<Rc<Netns>>,
    /// Whether what was named is gone.
    is_gone: bool,
    monitor: Monitor,
    meter: Meter,
    site: Arc<Site>,
}

impl Eye<'_> {
    /// Goes on until it is interrupted.
    fn watch(&mut self) -> Result<()> {
        let mut next_round = Instant::now();
        let mut next_look = Instant::now();
        let mut rounds = 0_u32;
        // What happened before anybody listened was not told.
        let mut is_old = true;
        loop {
            if next_round <= Instant::now() {
                next_round = Instant::now() + ROUND;
                rounds = rounds.wrapping_add(1);
                is_old |= self.round()?;
                is_old |= self.site.listeners() > 0 && rounds.is_multiple_of(SLOW);
            }
            if is_old && next_look <= Instant::now() {
                let began = Instant::now();
                self.look()?;
                is_old = false;
                // A large lab takes its time: half of it is for others.
                next_look = Instant::now() + PAUSE.max(began.elapsed());
            }
            let until = if is_old {
                next_look.min(next_round)
            } else {
                next_round
            };
            let (session, monitor) = (&self.session, &self.monitor);
            let is_over = session.wait(async {
                tokio::select! {
                    biased;
                    () = session.interruption() => true,
                    () = monitor.ready() => false,
                    () = tokio::time::sleep_until(until.into()) => false,
                }
            })?;
            if is_over {
                return Ok(());
            }
            for event in self.monitor.heard() {
                is_old = true;
                self.site.tell("event", &json!(event.line()));
            }
        }
    }

    /// Looks which namespaces there are, and how much passes. Returns whether they are others than before.
    fn round(&mut self) -> Result<bool> {
        let before = self.ids();
        match graph::named(&self.session, self.names) {
            Ok(places) => {
                self.places = places;
                self.is_gone = false;
            }
            Err(error) if error.kind == Kind::NotFound => {
                self.places.clear();
                if !std::mem::replace(&mut self.is_gone, true) {
                    output::note("what is viewed is gone; the page waits for it to come back");
                }
            }
            Err(error) => return Err(error),
        }
        let ids = self.ids();
        // One that has gone would be kept alive by who listens in it.
        self.monitor.retain(&ids);
        let (session, monitor, places) = (&self.session, &mut self.monitor, &self.places);
        session.wait(async {
            for place in places {
                match monitor.listen(place).await {
                    // One may go meanwhile.
                    Err(error) if error.kind == Kind::NotFound => {}
                    listens => listens?,
                }
            }
            Ok::<_, Error>(())
        })??;
        if self.site.listeners() > 0 {
            let links = self.session.wait(counted(&self.places))?;
            let flows = self.meter.count(links).into_iter();
            let rows = flows.map(|flow| {
                json!([
                    flow.netns,
                    flow.link,
                    flow.received,
                    flow.sent,
                    flow.dropped
                ])
            });
            self.site.tell("flows", &rows.collect());
        }
        if self.is_gone {
            self.site.tell(
                "note",
                &json!("what is viewed is gone; waiting for it to come back"),
            );
        }
        Ok(before != ids)
    }

    fn ids(&self) -> HashSet<Id> {
        let ids = self.places.iter().map(|one| one.namespace().id());
        ids.collect()
    }

    /// Draws what stands.
    fn look(&self) -> Result<()> {
        let graph = match look(&self.session, &self.places) {
            Ok(graph) => graph,
            // The only one has just gone.
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::Kernel) => Graph::default(),
            Err(error) => return Err(error),
        };
        let home = home(&self.session, &self.places)?;
        self.site.show(Seen::of(&graph, home));
        Ok(())
    }
}
