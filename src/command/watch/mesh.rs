//! Who reaches whom, asked again and again while one watches: each time by a process of ipvsh of its own, so that one that waits
//! for lost replies keeps nothing else waiting.

use std::process::Child;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::command::itself;
use crate::net::address;
use crate::net::netns::Netns;

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(5);

/// How soon after a change: the links that it brings up need a moment.
const AFTER_A_CHANGE: Duration = Duration::from_secs(1);

/// Between how many: it is a ping for each pair, and a column for each namespace.
const MOST: usize = 12;

/// The matrix, as it was found last.
pub(super) struct Mesh {
    asking: Option<Child>,
    next: Instant,
    lines: Vec<String>,
}

impl Mesh {
    pub(super) fn new() -> Self {
        Self {
            asking: None,
            next: Instant::now(),
            lines: Vec::new(),
        }
    }

    /// What there is to show.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Something has changed: the next answer is wanted soon.
    pub(super) fn changes(&mut self) {
        self.next = self.next.min(Instant::now() + AFTER_A_CHANGE);
    }

    /// Takes an answer that has come, and asks anew where it is time. `home` is the namespace that ipvsh was started in.
    pub(super) async fn go_on(&mut self, places: &[Rc<Netns>], home: &Netns) {
        if let Some(mut child) = self.asking.take() {
            match child.try_wait() {
                Ok(None) => {
                    self.asking = Some(child);
                    return;
                }
                Ok(Some(_)) => self.lines = said(child),
                Err(_) => self.lines.clear(),
            }
        }
        if self.next > Instant::now() {
            return;
        }
        self.next = Instant::now() + EVERY;
        let mut members = Vec::new();
        for place in places {
            if is_reachable(place).await {
                let is_home = itself::is_home(place, home);
                members.push(itself::expression(place.label(), is_home));
            }
        }
        self.lines.retain(|_| members.len() > 1);
        match members.len() {
            0 | 1 => {}
            2..=MOST => {
                let line = format!(
                    "mesh([{}], #{{count: 1, timeout: \"500ms\"}})",
                    members.join(", ")
                );
                // Its answer is shorter than a pipe holds.
                self.asking = itself::saying(&line).spawn().ok();
            }
            more => {
                self.lines = vec![format!(
                    "{more} namespaces are more than a mesh is drawn of here: `mesh([…])` in a script takes any number"
                )];
            }
        }
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        if let Some(child) = &mut self.asking {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether the namespace has an address that others ping.
async fn is_reachable(place: &Netns) -> bool {
    let Ok(rtnl) = place.rtnl() else { return false };
    let addresses = address::list(&rtnl, None).await.unwrap_or_default();
    let mut addresses = addresses.iter().map(|one| one.assigned.prefix.addr());
    addresses.any(|ip| match ip {
        std::net::IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        std::net::IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    })
}

/// What it has said, its complaint where it has failed.
fn said(child: Child) -> Vec<String> {
    let Ok(output) = child.wait_with_output() else {
        return Vec::new();
    };
    let text = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    let text = String::from_utf8_lossy(&text);
    text.lines().map(str::to_owned).collect()
}
