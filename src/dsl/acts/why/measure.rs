//! Two probes, and what the namespaces on their way tell of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::gather::{self, Open};
use crate::error::Result;
use crate::net::icmp::{Pinger, Request};
use crate::net::neighbour;
use crate::net::neighbour_table::Overflows;
use crate::net::nft::trace::{self, Family, Marked, Told, Tracer};
use crate::net::nft::{self, Dropping};
use crate::net::queue::{self, Tree};
use crate::net::sysctl::{self, Key};
use crate::net::trace::counters::Counters;
use crate::net::trace::sniffer::{self, Sniffer};
use crate::why::cause::Outer;
use crate::why::judge;
use crate::why::scene::{End, Scene};
use crate::why::walk::{FullTable, Leg, Measured, Passed};

/// How many probes are sent.
const PROBES: u64 = 2;
/// The time from one to the next.
const INTERVAL: Duration = Duration::from_millis(20);
/// How often is looked whether the kernel has told of a rule.
const LOOK: Duration = Duration::from_millis(2);

/// What is sent.
#[derive(Clone)]
pub(super) struct Probe {
    pub(super) place: usize,
    pub(super) request: Request,
    /// The namespace that is to answer, where one was asked for and not just an address.
    pub(super) meant: Option<usize>,
}

impl Probe {
    fn request(&self) -> Request {
        let mut request = self.request.clone();
        request.count = Some(PROBES);
        request.interval = INTERVAL;
        request
    }
}

/// What a place says of the packets that its filters see.
pub(super) enum Traced {
    /// Something has taken them.
    Taken(Dropping),
    /// They came by, and nothing has taken them.
    Untaken,
}

/// The families of tables in which something may stop packets, besides those of IP.
fn families(scene: &Scene, place: usize, tables: &[nft::Table]) -> Vec<Family> {
    let has = |family: &str| tables.iter().any(|table| table.family == family);
    let links = || scene.places[place].links.iter();
    let mut families = Vec::new();
    if has("netdev") {
        families.push(Family::Netdev(
            links().map(|link| link.name.clone()).collect(),
        ));
    }
    // What leaves by a link is marked before.
    if has("arp") || has("netdev") {
        families.push(Family::Arp);
    }
    if has("bridge") || (has("netdev") && links().any(|link| link.kind == "bridge")) {
        families.push(Family::Bridge);
    }
    families
}

/// Sends a probe once more and has the kernel tell which rule of `place` takes it, or a question for one of the addresses `next`.
/// None where nothing came by, or where it can't be asked.
pub(super) async fn trace(
    scene: &Scene,
    open: &[Open],
    (place, outer): (usize, Option<Outer>),
    probe: &Probe,
    next: Vec<IpAddr>,
) -> Option<Traced> {
    let netns = &open[place].netns;
    let tables = nft::tables(netns).ok()?;
    if tables.is_empty() {
        return None;
    }
    let request = Request {
        count: Some(1),
        ..probe.request()
    };
    let sender = &open[probe.place].netns;
    let mut pinger = sender.within(|| Pinger::open(&request)).ok()?.ok()?;
    let marked = match outer {
        Some(Outer { port, id }) => Marked::Outer(port, id),
        None => Marked::Echo(pinger.marks().0),
    };
    let families = families(scene, place, &tables);
    let mut tracer = Tracer::open(netns.namespace(), marked, &families, next).ok()?;
    let told = async {
        while tracer.told().taken.is_none() {
            tokio::time::sleep(LOOK).await;
        }
    };
    // What it says of its own end is known already.
    let _ = pinger.run(|_| {}, told).await;
    let Told {
        taken, has_come, ..
    } = tracer.told().clone();
    drop(tracer);
    match taken {
        Some(taken) => nft::dropping_of(netns, &taken).ok()?.map(Traced::Taken),
        None => has_come.then_some(Traced::Untaken),
    }
}

/// Has the kernel tell in each of the places that translate addresses what it makes of those of the packets.
fn translators(open: &[Open], places: &[usize], id: u16) -> Vec<(usize, Tracer)> {
    let translating = places
        .iter()
        .filter(|place| trace::translates(open[**place].netns.namespace()));
    let tracers = translating.filter_map(|place| {
        let namespace = open[*place].netns.namespace();
        let tracer = Tracer::open(namespace, Marked::Echo(id), &[], Vec::new());
        Some((*place, tracer.ok()?))
    });
    tracers.collect()
}

/// What the packets' addresses become, by what the kernel has told.
fn passed(tracers: Vec<(usize, Tracer)>) -> HashMap<usize, Passed> {
    let passed = tracers.into_iter().filter_map(|(place, mut tracer)| {
        let Told { to, leaving, .. } = tracer.told().clone();
        let passed = Passed {
            to: to.or(leaving.map(|leaving| leaving.to))?,
            from: leaving.map(|leaving| leaving.from),
        };
        Some((place, passed))
    });
    passed.collect()
}

/// Lets the kernel ask at once for the neighbours that it has asked for in vain: by itself it repeats a question after a second.
///
/// Such a neighbour is as one for which the last question was not answered, which the kernel makes of it by itself, too.
///
/// Whether there was one.
pub(super) async fn ask_anew(scene: &mut Scene, open: &[Open], legs: &[Leg]) -> bool {
    for place in legs.iter().flat_map(Leg::places) {
        if let Ok(neighbours) = neighbour::list(&open[place].rtnl).await {
            scene.places[place].detail.neighbours = neighbours;
        }
    }
    let waiting = judge::asked_in_vain(scene, legs);
    let has_waited = !waiting.is_empty();
    for (place, waiting) in waiting {
        // Where that is refused it is waited for.
        let _ = neighbour::give_up(&open[place].rtnl, &waiting).await;
    }
    has_waited
}

/// Sends the probes and looks on in `places`; afterwards the scene has their details.
pub(super) async fn measure(
    scene: &mut Scene,
    open: &[Open],
    places: &[usize],
    probe: &Probe,
) -> Result<Measured> {
    let request = probe.request();
    let netns = &open[probe.place].netns;
    let mut pinger = netns.within(|| Pinger::open(&request))??;
    // The header of ICMP has eight bytes.
    let header = if request.destination.is_ipv4() {
        20
    } else {
        40
    };
    let mut measured = Measured {
        length: u32::from(request.size) + 8 + header,
        meant: probe.meant,
        ..Measured::default()
    };
    let mut sniffers = Vec::new();
    let mut before = HashMap::new();
    for place in places {
        let namespace = open[*place].netns.namespace();
        match Sniffer::open(namespace, pinger.marks().1) {
            Ok(sniffer) => sniffers.push((*place, sniffer)),
            Err(_) => {
                measured.blind.insert(*place);
            }
        }
        before.insert(
            *place,
            (Counters::read(namespace)?, drops(scene, open, *place).await),
        );
    }
    let tracers = translators(open, places, pinger.marks().0);
    let full = Overflows::read();
    let report = pinger.run(|_| {}, std::future::pending()).await?;
    measured.outcomes = report
        .probes
        .into_iter()
        .map(|probe| probe.outcome)
        .collect();
    measured.passed = passed(tracers);
    measured.full_table = full_table(open, &full);
    for (place, sniffer) in &sniffers {
        // A port takes frames for everybody; another link drops those for others.
        let is_port = |link: u32| {
            let mut links = scene.places[*place].links.iter();
            links.any(|one| one.index == link && (one.master.is_some() || one.kind == "bridge"))
        };
        let mut seen = sniffer.seen();
        seen.retain(|sighting| !sighting.is_for_others || is_port(sighting.link));
        for sighting in seen {
            let end = End {
                place: *place,
                link: sighting.link,
            };
            let all = if sighting.is_wrapped {
                &mut measured.wrapped
            } else {
                &mut measured.seen
            };
            all.insert((end, sighting.is_out, sighting.sort));
        }
    }
    sniffer::close(sniffers.into_iter().map(|(_, sniffer)| sniffer).collect());
    for place in places {
        let after = Counters::read(open[*place].netns.namespace())?;
        let Some((counters, was)) = before.get(place) else {
            continue;
        };
        measured.grown.insert(*place, after.since(counters));
        let now = drops(scene, open, *place).await;
        measured.dropped.extend(since(now.queues, &was.queues));
        measured.hooked.extend(since(now.hooks, &was.hooks));
        let detail = gather::detail(&scene.places[*place], &open[*place]).await?;
        scene.places[*place].detail = detail;
    }
    Ok(measured)
}

/// The table of neighbours that was too full once more than `before`, and who can give it more room.
fn full_table(open: &[Open], before: &Overflows) -> Option<FullTable> {
    let family = Overflows::read().since(before)?;
    let key: Key = family.room().parse().ok()?;
    let room = open.iter().enumerate().find_map(|(place, one)| {
        let room = sysctl::read(&one.netns, &key).ok()?;
        Some((place, room.parse().ok()?))
    });
    Some(FullTable { family, room })
}

/// How many packets each link has dropped.
#[derive(Default)]
struct Drops {
    /// In its queue.
    queues: HashMap<End, u32>,
    /// By a filter at its `clsact` or `ingress`.
    hooks: HashMap<End, u32>,
}

/// By how much each of the counts has grown.
fn since(now: HashMap<End, u32>, was: &HashMap<End, u32>) -> impl Iterator<Item = (End, u32)> {
    now.into_iter().map(|(end, now)| {
        let was = was.get(&end).copied().unwrap_or(0);
        (end, now.wrapping_sub(was))
    })
}

async fn drops(scene: &Scene, open: &[Open], place: usize) -> Drops {
    let mut drops = Drops::default();
    let links = scene.places[place].links.iter();
    let indices: Vec<u32> = links.map(|link| link.index).collect();
    let trees = queue::all(&open[place].rtnl, &indices).await;
    for (link, Tree { parts }) in trees.unwrap_or_default() {
        let end = End { place, link };
        let most = |is_hook: bool| {
            let parts = parts.iter().filter(|part| part.is_ingress() == is_hook);
            parts.map(|part| part.stats.drops).max().unwrap_or(0)
        };
        drops.queues.insert(end, most(false));
        drops.hooks.insert(end, most(true));
    }
    drops
}
