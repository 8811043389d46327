//! `ipvsh watch`: what the kernel reports of the namespaces of a lab, a line each; on a terminal a live view of its links, and of
//! who reaches whom.

mod mesh;

use std::collections::{HashSet, VecDeque};
use std::io::{IsTerminal, Read, stdin, stdout};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use colored::Colorize;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGTERM};

use mesh::Mesh;

use super::documents;
use super::line::{Options, Watch};
use super::meter::{Counted, Meter, counted};
use super::{graph, output, with_files};
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::signals::Signals;
use crate::engine::{Failure, stack};
use crate::error::{Error, Kind, Result};
use crate::net::monitor::{Event, Monitor};
use crate::net::namespace::Id;
use crate::net::netns::Netns;
use crate::view::error::Report;
use crate::view::paint::{When, paint};
use crate::view::plain;
use crate::view::screen;
use crate::view::table;

/// How often the namespaces are looked up anew, and rates are worked out.
const ROUND: Duration = Duration::from_secs(1);

/// How soon a key is heard.
const KEY: Duration = Duration::from_millis(100);

/// How many events the live view shows.
const SHOWN: usize = 10;

/// Watches until it is interrupted, or the lab is gone.
pub(super) fn run(what: &Watch, options: &Options) -> std::result::Result<u8, Failure> {
    with_files()?;
    stack::with_room(|| watch(what, options)).unwrap_or_else(|error| {
        let error = Error::io(&error);
        Err(Failure::script(Report::of(&error)))
    })
}

fn watch(what: &Watch, options: &Options) -> std::result::Result<u8, Failure> {
    let failure = |error: Error| Failure::script(Report::of(&error));
    let session = Session::new(Settings::default());
    Signals::watch(&session, &[SIGTERM, SIGHUP]).map_err(failure)?;
    let mut places = graph::named(&session, &what.names).map_err(failure)?;
    let is_live = !options.is_json() && stdin().is_terminal() && plain::is_live(&stdout());
    let mut view = is_live
        .then(|| Live::new(When::from(options.color).on(&stdout())))
        .transpose()
        .map_err(failure)?;
    let mut monitor = Monitor::default();
    let mut next_round = Instant::now();
    loop {
        if next_round <= Instant::now() {
            next_round = Instant::now() + ROUND;
            // One that has gone would be kept alive by who listens in it.
            let ids: HashSet<Id> = places.iter().map(|one| one.namespace().id()).collect();
            monitor.retain(&ids);
            session
                .wait(listen(&mut monitor, &places))
                .and_then(|listens| listens)
                .map_err(failure)?;
            if let Some(view) = &mut view {
                let links = session.wait(counted(&places)).map_err(failure)?;
                view.count(links);
                let home = session.start().map_err(failure)?;
                session
                    .wait(view.mesh.go_on(&places, &home))
                    .map_err(failure)?;
            }
            places = match graph::named(&session, &what.names) {
                Ok(places) => places,
                Err(error) if error.kind == Kind::NotFound => {
                    drop(view);
                    output::note("what was watched is gone");
                    return Ok(0);
                }
                Err(error) => return Err(failure(error)),
            };
        }
        let pause = if is_live { KEY } else { ROUND };
        let was_interrupted = session
            .wait(async {
                tokio::select! {
                    biased;
                    () = session.interruption() => true,
                    () = monitor.ready() => false,
                    () = tokio::time::sleep(pause) => false,
                }
            })
            .map_err(failure)?;
        let events = monitor.heard();
        let code = match &mut view {
            Some(view) => {
                view.events(events);
                view.draw()
            }
            None => say(&events, options.is_json()),
        };
        if code != 0 {
            return Ok(code);
        }
        if was_interrupted {
            return Ok(130);
        }
        if is_live && is_left() {
            return Ok(0);
        }
    }
}

fn say(events: &[Event], is_json: bool) -> u8 {
    for event in events {
        let code = if is_json {
            output::say_json(&documents::value(&documents::Event {
                netns: event.netns.clone(),
                kind: event.kind.to_owned(),
                change: event.change.to_owned(),
                link: event.link.clone(),
                text: event.text.clone(),
            }))
        } else {
            output::say(&event.line())
        };
        if code != 0 {
            return code;
        }
    }
    0
}

async fn listen(monitor: &mut Monitor, places: &[Rc<Netns>]) -> Result<()> {
    for place in places {
        match monitor.listen(place).await {
            // One may go meanwhile.
            Err(error) if error.kind == Kind::NotFound => {}
            listens => listens?,
        }
    }
    Ok(())
}

/// The live view. The terminal is as before when it goes.
struct Live {
    before: Termios,
    color: bool,
    meter: Meter,
    rows: Vec<Vec<String>>,
    mesh: Mesh,
    latest: VecDeque<String>,
}

impl Live {
    fn new(color: bool) -> Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut quiet = before.clone();
        quiet
            .local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO);
        tcsetattr(stdin(), SetArg::TCSANOW, &quiet)?;
        let _ = screen::switch(true);
        Ok(Self {
            before,
            color,
            meter: Meter::default(),
            rows: Vec::new(),
            mesh: Mesh::new(),
            latest: VecDeque::new(),
        })
    }

    fn events(&mut self, events: Vec<Event>) {
        // The pings of the mesh find neighbours, which age: only those that somebody has set, or that fail, are worth a line.
        let is_routine = |event: &Event| {
            let is_told = ["PERMANENT", "FAILED"]
                .iter()
                .any(|state| event.text.ends_with(state));
            event.kind == "neighbor" && !is_told
        };
        for event in events.into_iter().filter(|event| !is_routine(event)) {
            if event.kind != "neighbor" {
                self.mesh.changes();
            }
            self.latest.push_back(event.line());
            if self.latest.len() > SHOWN {
                self.latest.pop_front();
            }
        }
    }

    /// Works out the rates since it was counted last.
    fn count(&mut self, links: Vec<Counted>) {
        let flows = self.meter.count(links);
        let rows = flows.into_iter().map(|flow| {
            vec![
                flow.netns,
                flow.link,
                flow.state.to_owned(),
                rate(flow.received),
                rate(flow.sent),
                flow.dropped.to_string(),
            ]
        });
        self.rows = rows.collect();
    }

    fn draw(&self) -> u8 {
        let columns = ["netns", "link", "state", "in", "out", "drops"];
        let mut lines: Vec<String> = table::draw(&columns, &self.rows)
            .lines()
            .map(str::to_owned)
            .collect();
        let (width, height) =
            terminal_size::terminal_size().map_or((80, 24), |(width, height)| (width.0, height.0));
        let mesh = self.mesh.lines();
        let room = usize::from(height).saturating_sub(mesh.len() + self.latest.len() + 5);
        let left_out = lines.len().saturating_sub(room);
        if left_out > 0 {
            lines.truncate(room);
            lines.push(format!("… {left_out} more"));
        }
        lines.push(String::new());
        if !mesh.is_empty() {
            lines.extend(mesh.iter().cloned());
            lines.push(String::new());
        }
        lines.extend(self.latest.iter().cloned());
        for line in &mut lines {
            *line = line.chars().take(usize::from(width)).collect();
        }
        let quit = paint(self.color, "q leaves", Colorize::dimmed);
        lines.push(quit);
        match screen::redraw(&lines) {
            Ok(()) => 0,
            Err(_) => 1,
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = screen::switch(false);
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &self.before);
    }
}

/// Whether `q` was typed.
fn is_left() -> bool {
    let input = stdin();
    let mut ready = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    if poll(&mut ready, PollTimeout::ZERO).unwrap_or(0) == 0 {
        return false;
    }
    let mut typed = [0; 16];
    match stdin().lock().read(&mut typed) {
        Ok(0) | Err(_) => true,
        Ok(count) => typed[..count].contains(&b'q'),
    }
}

/// Bits in a second, as a text.
fn rate(bits: u64) -> String {
    match bits {
        0..=9_999 => format!("{bits} bit/s"),
        10_000..=9_999_999 => format!("{} kbit/s", bits / 1000),
        _ => format!("{} Mbit/s", bits / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_in_the_unit_that_leaves_few_digits() {
        assert_eq!(rate(1000), "1000 bit/s");
        assert_eq!(rate(1_000_000), "1000 kbit/s");
        assert_eq!(rate(200_000_000), "200 Mbit/s");
    }
}
