//! `ipvsh capture`: the packets of several namespaces, a line each, or in one file or stream of pcapng.

use std::collections::HashSet;
use std::io::{IsTerminal, Stdout, stdout};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use serde_json::{Value, json};
use signal_hook::consts::{SIGHUP, SIGTERM};

use super::documents;
use super::line::{Capture, Options};
use super::{graph, output, with_files};
use crate::dsl::Session;
use crate::dsl::acts::packets::moment;
use crate::dsl::objects::link;
use crate::dsl::session::Settings;
use crate::engine::signals::Signals;
use crate::engine::{Failure, Reason, stack};
use crate::error::{Error, Kind, Result};
use crate::net::capture::decode::decode;
use crate::net::capture::file::{Files, Head, Stream};
use crate::net::capture::filter::Filter;
use crate::net::capture::{self, Counts, Direction, Packet, Point, SNAPLEN, Sink, Status, Wanted};
use crate::net::link::Snapshot;
use crate::net::netns::Netns;
use crate::view::error::Report;
use crate::view::screen::{self, Stream as Printed};

/// How often it is looked what happened to the links.
const LOOK: Duration = Duration::from_millis(500);

/// Captures until it is interrupted, or has what was asked for.
pub(super) fn run(what: &Capture, options: &Options) -> std::result::Result<u8, Failure> {
    with_files()?;
    stack::with_room(|| capture(what, options)).unwrap_or_else(|error| {
        let error = Error::io(&error);
        Err(Failure::script(Report::of(&error)))
    })
}

fn failure(error: &Error) -> Failure {
    let reason = match error.kind {
        Kind::Denied | Kind::Unsupported => Reason::NotPossible,
        _ if error.errno == Some(Errno::EPIPE) => Reason::OutputClosed,
        _ => Reason::Script,
    };
    Failure {
        report: Report::of(error),
        reason,
    }
}

fn capture(what: &Capture, options: &Options) -> std::result::Result<u8, Failure> {
    let text = what.filter.clone().unwrap_or_default();
    let filter = Filter::parse(&text).map_err(|error| Failure::usage(Report::of(&error)))?;
    let is_stream = what.output.as_deref() == Some(Path::new("-"));
    if is_stream && stdout().is_terminal() {
        let report = Report::new("a terminal can't show a file of pcapng");
        return Err(Failure::usage(report.hint(
            "lead it somewhere: `-w - | wireshark -k -i -`, or leave `-w` out for a line a packet",
        )));
    }
    let session = Session::new(Settings::default());
    Signals::watch(&session, &[SIGTERM, SIGHUP]).map_err(|error| failure(&error))?;
    let places = places(&session, &what.names).map_err(|error| failure(&error))?;
    let wanted = Wanted {
        filter,
        count: what.count,
        snaplen: SNAPLEN,
    };
    let head = Head {
        points: places
            .iter()
            .map(|(netns, link)| Point::new(netns, link))
            .collect(),
        snaplen: SNAPLEN,
        filter: text,
        comment: None,
    };
    let links: Vec<_> = places
        .iter()
        .map(|(netns, link)| (&**netns, link))
        .collect();
    let is_json = options.is_json();
    let sink = || -> Result<To> {
        Ok(match &what.output {
            Some(_) if is_stream => To::Pipe(Stream::begin(stdout(), &head)?),
            Some(file) => To::File(Box::new(Files::make(file, head, None, None)?)),
            None => To::Lines(Lines {
                points: head.points,
                is_json,
            }),
        })
    };
    let runs = capture::Capture::start(&links, sink, &wanted).map_err(|error| failure(&error))?;
    if !options.quiet && is_json {
        let names: Vec<_> = places
            .iter()
            .map(|(netns, link)| Point::new(netns, link).name)
            .collect();
        output::note(&json!({"capturing": names}).to_string());
    } else if !options.quiet {
        let netns: HashSet<_> = places.iter().map(|(netns, _)| netns.label()).collect();
        output::note(&format!(
            "capturing {} of {}; Ctrl-C ends it",
            counted(places.len(), "link"),
            counted(netns.len(), "namespace"),
        ));
    }
    let was_interrupted = wait(&session, &runs, what, options).map_err(|error| failure(&error))?;
    let status = runs.stop();
    tell(&runs, options);
    say_end(&status, places.len(), options);
    match status.error {
        Some(error) => Err(failure(&error)),
        None if was_interrupted => Ok(130),
        None => Ok(0),
    }
}

/// Waits until it is over, or is to be; whether a signal said so.
fn wait(
    session: &Session,
    runs: &capture::Capture,
    what: &Capture,
    options: &Options,
) -> Result<bool> {
    session.wait(async {
        let limit = async {
            match what.duration {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        let notes = async {
            loop {
                tokio::time::sleep(LOOK).await;
                tell(runs, options);
            }
        };
        tokio::select! {
            biased;
            () = session.interruption() => true,
            () = runs.ended() => false,
            () = limit => false,
            () = notes => false,
        }
    })
}

fn tell(runs: &capture::Capture, options: &Options) {
    for note in runs.take_notes() {
        if !options.quiet {
            output::note(&format!("note: {note}"));
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// How it went, on standard error: standard output has the packets.
fn say_end(status: &Status, links: usize, options: &Options) {
    if options.quiet {
        return;
    }
    let (packets, dropped) = (status.packets, status.dropped());
    output::note(&if options.is_json() {
        json!({"packets": packets, "links": links, "dropped": dropped}).to_string()
    } else {
        let packets = counted(usize::try_from(packets).unwrap_or(usize::MAX), "packet");
        format!("{packets} of {}, {dropped} dropped", counted(links, "link"))
    });
}

type Place = (Rc<Netns>, Snapshot);

/// The links that the command line names, each once.
fn places(session: &Rc<Session>, names: &[String]) -> Result<Vec<Place>> {
    let mut places: Vec<Place> = Vec::new();
    for name in names {
        match graph::named(session, std::slice::from_ref(name)) {
            Ok(namespaces) => {
                for netns in namespaces {
                    let links = link::all(session, &netns)?;
                    places.extend(links.into_iter().map(|link| (netns.clone(), link)));
                }
            }
            // The name of a namespace may have a colon, that of a link not.
            Err(absent) => match name.rsplit_once(':') {
                Some((netns, link)) => {
                    let mut found = graph::named(session, &[netns.to_owned()])?;
                    if found.len() > 1 {
                        let names: Vec<_> =
                            found.iter().map(|one| one.label().to_owned()).collect();
                        let error =
                            Error::invalid(format!("`{netns}` is a lab of several namespaces"));
                        let error = error.note(format!("its namespaces: {}", names.join(", ")));
                        return Err(error.hint(format!("write `{}:{link}`", names[0])));
                    }
                    let netns = found.pop().ok_or(absent)?;
                    let found = link::lookup(session, &netns, link)?;
                    let seen = link::snapshot(session, &found)?;
                    places.push((found.netns(), seen));
                }
                None => return Err(absent),
            },
        }
    }
    let mut seen = HashSet::new();
    places.retain(|(netns, link)| seen.insert((netns.namespace().id(), link.index)));
    if places.is_empty() {
        let error = Error::new(Kind::NotFound, "there is no link to capture");
        return Err(error.hint("`ipvsh ls` says what stands of a lab"));
    }
    Ok(places)
}

/// Where the packets go.
enum To {
    File(Box<Files>),
    Pipe(Stream<Stdout>),
    Lines(Lines),
}

impl To {
    fn sink(&mut self) -> &mut dyn Sink {
        match self {
            Self::File(file) => file.as_mut(),
            Self::Pipe(pipe) => pipe,
            Self::Lines(lines) => lines,
        }
    }
}

impl Sink for To {
    fn packet(&mut self, packet: &Packet) -> Result<bool> {
        self.sink().packet(packet)
    }

    fn flush(&mut self) -> Result<()> {
        self.sink().flush()
    }

    fn end(&mut self, counts: &[Counts]) -> Result<()> {
        self.sink().end(counts)
    }
}

/// A line a packet, on standard output.
struct Lines {
    points: Vec<Point>,
    is_json: bool,
}

impl Lines {
    fn line(&self, packet: &Packet) -> String {
        let Some(point) = self.points.get(packet.link) else {
            return String::new();
        };
        let moment = moment(packet.time);
        // `2026-01-02T12:34:56.123456789Z`
        let time = moment.get(11..26).unwrap_or(&moment);
        let is_out = packet.direction == Direction::Out;
        let arrow = if is_out { "out" } else { "in " };
        let line = decode(point.link_type, &packet.data).line();
        format!("{time} {} {arrow} {line}", point.name)
    }

    fn json(&self, packet: &Packet) -> Value {
        let Some(point) = self.points.get(packet.link) else {
            return Value::Null;
        };
        let decoded = decode(point.link_type, &packet.data);
        let direction = match packet.direction {
            Direction::Out => "out",
            Direction::In => "in",
        };
        let (source_mac, destination_mac) = decoded.macs.unzip();
        let (source_port, destination_port) = decoded.ports.unzip();
        documents::value(&documents::Packet {
            time: moment(packet.time),
            time_ns: packet.time,
            link: point.name.clone(),
            direction,
            len: packet.length,
            proto: decoded.protocol,
            src: decoded.source.map(|ip| ip.to_string()),
            dst: decoded.destination.map(|ip| ip.to_string()),
            sport: source_port,
            dport: destination_port,
            src_mac: source_mac,
            dst_mac: destination_mac,
            vlan: decoded.vlans.first().copied(),
            ttl: decoded.ttl,
            info: decoded.info,
        })
    }
}

impl Sink for Lines {
    fn packet(&mut self, packet: &Packet) -> Result<bool> {
        let printed = if self.is_json {
            screen::say_json(Printed::Out, &self.json(packet).to_string())
        } else {
            screen::say(Printed::Out, &self.line(packet))
        };
        printed.map_err(|error| Error::io(&error))?;
        Ok(true)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn end(&mut self, _counts: &[Counts]) -> Result<()> {
        Ok(())
    }
}
