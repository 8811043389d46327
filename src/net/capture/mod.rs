//! Packets of links as they pass, of several namespaces at once: sockets that were born there, and a thread that reads them.
//!
//! Who captures is in nobody's way: a packet that nobody has room for is counted as dropped, and passes all the same.

pub mod decode;
pub mod file;
pub mod filter;
pub mod pcapng;
mod reader;
mod ring;
mod tap;

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared;
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::error::{Error, Kind, Result};
use crate::net::link::Snapshot;
use crate::net::namespace::Id;
use crate::net::netns::Netns;

use filter::Filter;
use reader::{Ask, Reader};
use tap::Tap;

/// How many bytes of a packet are kept where nothing else is said: all that one can have.
pub const SNAPLEN: u32 = 262_144;

/// What a packet of a link begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// An Ethernet header.
    Ethernet,
    /// The header of IPv4 or IPv6.
    Raw,
}

impl LinkType {
    /// The one of a link whose hardware is of that number, `ARPHRD_` of `linux/if_arp.h`.
    pub fn of_hardware(number: u16) -> Self {
        match number {
            libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Self::Ethernet,
            _ => Self::Raw,
        }
    }

    /// The one of that number in a file; none where it is another.
    pub fn of_number(number: u16) -> Option<Self> {
        [Self::Ethernet, Self::Raw]
            .into_iter()
            .find(|one| one.number() == number)
    }

    /// Its number in a file: `LINKTYPE_ETHERNET` or `LINKTYPE_RAW` of tcpdump.org.
    pub fn number(self) -> u16 {
        match self {
            Self::Ethernet => 1,
            Self::Raw => 101,
        }
    }
}

/// Where a packet went, as the link sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It came in by the link.
    In,
    /// It left by the link.
    Out,
}

/// To whom a packet was sent that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// It was not one that came in.
    Unknown,
    /// To the link's own hardware address.
    Unicast,
    /// To a group.
    Multicast,
    /// To all.
    Broadcast,
    /// To another hardware address.
    Others,
}

/// A packet that was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The number of its link, in the order in which they were given.
    pub link: usize,
    /// When it passed, in nanoseconds since 1970, by the kernel's stamp.
    pub time: u64,
    /// How many bytes it has, also those that are not kept.
    pub length: u32,
    /// Where it went.
    pub direction: Direction,
    /// To whom.
    pub reception: Reception,
    /// What is kept of it.
    pub data: Vec<u8>,
}

/// What the kernel counted on a link since the capture began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that the filter let through.
    pub received: u64,
    /// Those of them for which there was no room.
    pub dropped: u64,
}

/// A link that is captured, as the file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The namespace and the link: `a:v0`.
    pub name: String,
    /// What its packets begin with.
    pub link_type: LinkType,
}

impl Point {
    /// The one of `link` in `netns`.
    pub fn new(netns: &Netns, link: &Snapshot) -> Self {
        Self {
            name: format!("{}:{}", netns.label(), link.name),
            link_type: LinkType::of_hardware(link.hardware),
        }
    }
}

/// Where packets go.
pub trait Sink: Send {
    /// Takes a packet; `false` where it has room for no more, this one included.
    fn packet(&mut self, packet: &Packet) -> Result<bool>;
    /// What was taken is to be seen from outside.
    fn flush(&mut self) -> Result<()>;
    /// No more come. `counts` has those of each link.
    fn end(&mut self, counts: &[Counts]) -> Result<()>;
    /// The files that it has written, oldest first.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// What is wanted, and how much of it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which packets.
    pub filter: Filter,
    /// How many of them.
    pub count: Option<u64>,
    /// How many bytes of each.
    pub snaplen: u32,
}

/// How a capture goes.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// How many packets the sink took.
    pub packets: u64,
    /// What the kernel counted, by link.
    pub counts: Vec<Counts>,
    /// The files so far, oldest first.
    pub files: Vec<PathBuf>,
    /// Whether it is over.
    pub has_ended: bool,
    /// Why it ended early.
    pub error: Option<Error>,
    /// What happened that nobody was told yet: links that have gone.
    pub notes: Vec<String>,
}

impl Status {
    /// How many packets were dropped.
    pub fn dropped(&self) -> u64 {
        self.counts.iter().map(|counts| counts.dropped).sum()
    }
}

/// What a thread and its captures share.
type Shown = Arc<Mutex<Status>>;

fn lock(shown: &Shown) -> MutexGuard<'_, Status> {
    // What a thread that panicked has left is as good as it was.
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects all of them at once, each in a thread. Where one fails, the first that does is told.
fn connect(taps: &mut [Tap]) -> std::result::Result<(), (Error, Point)> {
    let blocks = ring::blocks(taps.len());
    let connected = |tap: &mut Tap| {
        let done = tap.connect(blocks);
        done.map_err(|error| (error, tap.point.clone()))
    };
    if let [tap] = taps {
        return connected(tap);
    }
    std::thread::scope(|threads| {
        let spawn = |tap| threads.spawn(|| connected(tap));
        let threads: Vec<_> = taps.iter_mut().map(spawn).collect();
        let results = threads.into_iter().filter_map(|thread| thread.join().ok());
        results.collect()
    })
}

/// A capture that goes on in a thread of its own.
#[derive(Debug)]
pub struct Capture {
    asks: Sender<Ask>,
    wake: Arc<EventFd>,
    shown: Shown,
    end: Shared<oneshot::Receiver<()>>,
    thread: RefCell<Option<JoinHandle<()>>>,
}

impl Capture {
    /// Opens a socket for each link, and begins. Every packet that passes from now on is seen.
    ///
    /// `sink` is made when they stand: nothing is written where they can't be opened.
    pub fn start<S: Sink + 'static>(
        links: &[(&Netns, &Snapshot)],
        sink: impl FnOnce() -> Result<S>,
        wanted: &Wanted,
    ) -> Result<Self> {
        let cannot = |error: Error, point: &Point| {
            let error = if error.kind == Kind::Denied {
                error.note("packet sockets take CAP_NET_RAW in the namespace")
            } else {
                error
            };
            error.doing("capture", &point.name)
        };
        let open = |(netns, link): &(&Netns, &Snapshot)| {
            let point = Point::new(netns, link);
            Tap::open(netns, link, &point, wanted).map_err(|error| cannot(error, &point))
        };
        let mut taps = links.iter().map(open).collect::<Result<Vec<Tap>>>()?;
        connect(&mut taps).map_err(|(error, point)| cannot(error, &point))?;
        let sink = Box::new(sink()?);
        // The first has seen what passed before the last was there: an answer would stand without its question.
        let since = tap::now();
        for tap in &mut taps {
            tap.begin(since);
        }
        let cannot = |error: Error| error.doing_plain("start a capture");
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = EventFd::from_flags(flags).map_err(|errno| cannot(errno.into()))?;
        let wake = Arc::new(wake);
        let shown = Shown::default();
        lock(&shown).files = sink.files();
        lock(&shown).counts = vec![Counts::default(); links.len()];
        let (asks, asked) = channel();
        let (done, end) = oneshot::channel();
        let (wanted, heard, told) = (wanted.clone(), (asked, wake.clone()), shown.clone());
        let thread = std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || {
                // Made here, its memory is not the script's.
                Reader::new(taps, sink, &wanted, heard, told).run();
                let _ = done.send(());
            })
            .map_err(|error| cannot(Error::io(&error)))?;
        Ok(Self {
            asks,
            wake,
            shown,
            end: end.shared(),
            thread: RefCell::new(Some(thread)),
        })
    }

    fn ask(&self, ask: Ask) {
        // Where the thread is gone, it has ended.
        if self.asks.send(ask).is_ok() {
            let _ = self.wake.write(1);
        }
    }

    /// Has all taken that has passed until now, and tells how it goes.
    pub fn status(&self) -> Status {
        let (done, is_done) = channel();
        self.ask(Ask::Round(done));
        // Where it has ended meanwhile, the end of the channel says so.
        let _ = is_done.recv();
        lock(&self.shown).clone()
    }

    /// How it went when that was last looked at.
    pub fn last_status(&self) -> Status {
        lock(&self.shown).clone()
    }

    /// What happened that nobody was told yet.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shown).notes)
    }

    /// Leaves the links of a namespace, which would live on else, and returns when it has.
    pub fn leave(&self, namespace: Id) {
        let (done, is_done) = channel();
        self.ask(Ask::Leave(namespace, done));
        let _ = is_done.recv();
    }

    /// Takes what has passed until now, ends it, and tells how it went. Over already, it stays as it was.
    pub fn stop(&self) -> Status {
        self.ask(Ask::End);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            let mut shown = lock(&self.shown);
            shown.has_ended = true;
            let error = Error::new(Kind::Kernel, "its thread ended in a panic");
            shown.error.get_or_insert(error);
        }
        lock(&self.shown).clone()
    }

    /// Waits until it is over.
    pub async fn ended(&self) {
        let _ = self.end.clone().await;
    }
}
