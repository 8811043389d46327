//! Traffic between two namespaces, to measure how much comes through: sockets that were born there, and threads that send and receive.
//!
//! Both ends are of this process. What was sent and what came is counted on the spot, and nothing has to be told over the way that
//! is measured.

mod connect;
pub mod echo;
mod order;
mod pace;
pub mod report;
mod socket;
mod tally;
mod tcp;
mod udp;
mod work;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, available_parallelism};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use socket2::Socket;
use tokio::time::{sleep, sleep_until};

use crate::error::{Error, Kind, Result};
use crate::net::listener::Protocol;
use crate::net::netns::Netns;

use connect::Pair;
use report::{Interval, Report, Sample};
use socket::Told;
use tally::Tally;
use work::{End, Ended};

/// What a datagram begins with: its number, and when it was sent.
pub const HEAD: usize = 16;

/// For how long what is under way at the end is waited for, at the most, and how often it is looked for.
const LAST: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(5);

/// How long nothing more comes before it is believed that nothing is under way, beside what datagrams took.
const SILENCE: Duration = Duration::from_millis(200);

/// Between whom.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// Where connections are made from.
    pub from: &'a Netns,
    /// Where they are made to.
    pub to: &'a Netns,
    /// The address there.
    pub destination: IpAddr,
    /// The address to send from, where one is asked for.
    pub source: Option<IpAddr>,
}

/// Which way data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From whom connections are made.
    Forth,
    /// To whom they are made.
    Back,
    /// Both at once.
    Both,
}

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Request {
    /// By which protocol.
    pub protocol: Protocol,
    /// For how long.
    pub time: Duration,
    /// How many connections there are, in each direction.
    pub streams: usize,
    /// How many bytes are sent in a second, by all streams of a direction together.
    pub rate: Option<u64>,
    /// The largest segment.
    pub mss: Option<u32>,
    /// The bytes of data in a datagram; as many as fit, where nothing is said.
    pub size: Option<u32>,
    /// The type of service or traffic class.
    pub tos: Option<u8>,
    /// Whether what is sent is handed to the kernel as pages, and not copied.
    pub zerocopy: bool,
    /// Which way.
    pub direction: Direction,
    /// How long connecting may take.
    pub timeout: Duration,
    /// The length of an interval.
    pub interval: Duration,
    /// How often is told how it goes, beside that.
    pub tick: Duration,
}

/// How it goes.
#[derive(Debug)]
pub enum News<'a> {
    /// The counts of each direction.
    Tick(&'a [Sample]),
    /// An interval is over; one for each direction.
    Interval(&'a [Interval]),
}

/// Streams that are ready to send, in each direction.
#[derive(Debug)]
pub struct Traffic {
    request: Request,
    ways: Vec<Way>,
    /// The bytes of data in a datagram.
    size: usize,
    stops_sending: Arc<AtomicBool>,
    stops: Arc<AtomicBool>,
}

/// The streams of one direction.
#[derive(Debug)]
struct Way {
    senders: Vec<End>,
    receivers: Vec<End>,
    sending: Vec<JoinHandle<Ended>>,
    receiving: Vec<JoinHandle<Ended>>,
}

impl Traffic {
    /// Connects all streams. Fails with `unreachable` where the other end does not answer, or not in time.
    pub async fn open(ends: &Ends<'_>, request: &Request) -> Result<Self> {
        let told = Told {
            mss: request.mss,
            tos: request.tos,
        };
        let directions: &[bool] = match request.direction {
            Direction::Forth => &[false],
            Direction::Back => &[true],
            Direction::Both => &[false, true],
        };
        let (mut ways, mut size) = (Vec::new(), HEAD);
        for is_back in directions {
            let (protocol, streams) = (request.protocol, request.streams);
            let pairs = connect::pairs(ends, protocol, streams, told, request.timeout).await?;
            if let Some(pair) = pairs.first() {
                let sender = if *is_back { &pair.far } else { &pair.near };
                let fits = socket::largest(sender, ends.destination);
                let wanted = request.size.unwrap_or(fits);
                size = usize::try_from(wanted).unwrap_or(HEAD).max(HEAD);
            }
            ways.push(Way::new(pairs, *is_back));
        }
        Ok(Self {
            request: request.clone(),
            ways,
            size,
            stops_sending: Arc::default(),
            stops: Arc::default(),
        })
    }

    /// The bytes of data in a datagram.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Sends for its time, or until `interruption`, and tells how it goes. One report for each direction.
    pub async fn run(
        mut self,
        mut tell: impl FnMut(News<'_>) -> Result<()>,
        interruption: impl Future<Output = ()>,
    ) -> Result<Vec<Report>> {
        let began = Instant::now();
        self.start(began)?;
        let mut before = vec![Sample::default(); self.ways.len()];
        let mut intervals = vec![Vec::new(); self.ways.len()];
        let (mut tick, mut turn) = (self.request.tick, self.request.interval);
        let mut interrupted = false;
        let mut interruption = std::pin::pin!(interruption);
        while !interrupted {
            let next = tick.min(turn).min(self.request.time);
            tokio::select! {
                () = &mut interruption => interrupted = true,
                () = sleep_until((began + next).into()) => {}
            }
            let at = began.elapsed();
            let samples: Vec<Sample> = self.ways.iter().map(|way| way.sample(at)).collect();
            let is_over = interrupted || next >= self.request.time || self.has_ended();
            if next >= turn || is_over {
                let found = before.iter().zip(&samples);
                let found: Vec<_> = found.map(|(a, b)| Interval::between(a, b)).collect();
                for (all, one) in intervals.iter_mut().zip(&found) {
                    all.push(*one);
                }
                before.clone_from(&samples);
                tell(News::Interval(&found))?;
                turn += self.request.interval;
            }
            if next >= tick {
                tell(News::Tick(&samples))?;
                // What a busy machine came too late for is left out.
                while tick <= at {
                    tick += self.request.tick;
                }
            }
            if is_over {
                break;
            }
        }
        let duration = before.first().map_or(Duration::ZERO, |sample| sample.at);
        self.stops_sending.store(true, Ordering::Relaxed);
        if self.request.protocol == Protocol::Udp {
            self.take_last(&before).await;
            for (way, last) in self.ways.iter().zip(&mut before) {
                // What a connection lost is told by its counters at the end of the time.
                *last = way.sample(duration);
            }
        }
        let is_early = !interrupted && duration < self.request.time;
        self.finish(duration, &before, intervals, interrupted, is_early)
    }

    /// Starts the threads.
    fn start(&mut self, began: Instant) -> Result<()> {
        let most = available_parallelism().map_or(1, usize::from);
        let data = tcp::Data::new(self.request.zerocopy)?;
        #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
        let rate = |rate: u64| rate as f64 / self.request.streams as f64;
        let rate = self.request.rate.map(rate);
        let shape = udp::Shape {
            size: self.size,
            began,
            rate,
        };
        let protocol = self.request.protocol;
        for way in &mut self.ways {
            for ends in parts(&way.receivers, most) {
                let stop = self.stops.clone();
                way.receiving.push(spawn(move || match protocol {
                    Protocol::Tcp => tcp::receives(ends, &stop),
                    Protocol::Udp => udp::receives(ends, shape, &stop),
                })?);
            }
            for ends in parts(&way.senders, most) {
                let (stop, data) = (self.stops_sending.clone(), data.clone());
                way.sending.push(spawn(move || match protocol {
                    Protocol::Tcp => tcp::sends(ends, &data, rate, &stop),
                    Protocol::Udp => udp::sends(ends, shape, &stop),
                })?);
            }
        }
        Ok(())
    }

    /// Whether nothing more can be sent or received.
    fn has_ended(&self) -> bool {
        let mut ways = self.ways.iter();
        ways.any(|way| {
            let all = |threads: &[JoinHandle<Ended>]| threads.iter().all(JoinHandle::is_finished);
            all(&way.sending) || all(&way.receiving)
        })
    }

    /// Waits until all datagrams have come that were sent, or no more come.
    async fn take_last(&self, before: &[Sample]) {
        let (began, mut news) = (Instant::now(), Instant::now());
        let mut known: Vec<Sample> = before.to_vec();
        while began.elapsed() < LAST && news.elapsed() < SILENCE {
            sleep(LOOK).await;
            let now: Vec<_> = self
                .ways
                .iter()
                .map(|way| way.sample(Duration::ZERO))
                .collect();
            let is_sent = self.ways.iter().all(|way| {
                let mut threads = way.sending.iter();
                threads.all(JoinHandle::is_finished)
            });
            if is_sent && now.iter().all(|sample| sample.received >= sample.sent) {
                return;
            }
            if now
                .iter()
                .zip(&known)
                .any(|(now, known)| now.bytes != known.bytes)
            {
                news = Instant::now();
            }
            known = now;
        }
    }

    /// Ends the threads and tells what was found.
    fn finish(
        &mut self,
        duration: Duration,
        last: &[Sample],
        intervals: Vec<Vec<Interval>>,
        interrupted: bool,
        is_early: bool,
    ) -> Result<Vec<Report>> {
        let mut broken = None;
        let mut reports = Vec::new();
        self.stop();
        for ((way, last), intervals) in self.ways.iter_mut().zip(last).zip(intervals) {
            let mut join = |threads: &mut Vec<JoinHandle<Ended>>| {
                let mut cpu = Duration::ZERO;
                for thread in threads.drain(..) {
                    let Ok(ended) = thread.join() else {
                        return Err(Error::new(Kind::Kernel, "a thread of it ended in a panic"));
                    };
                    cpu += ended.cpu;
                    broken = broken.or(ended.error);
                }
                Ok(cpu)
            };
            let (cpu_of_sender, cpu_of_receiver) =
                (join(&mut way.sending)?, join(&mut way.receiving)?);
            let rtts: Vec<Duration> = intervals.iter().filter_map(|one| one.last.rtt).collect();
            reports.push(Report {
                protocol: self.request.protocol,
                duration,
                last: *last,
                rtt: mean(&rtts),
                intervals,
                cpu_of_sender,
                cpu_of_receiver,
                interrupted,
            });
        }
        if is_early {
            let errno = broken.unwrap_or(Errno::EPIPE);
            let error = Error::sys(errno);
            let cause = format!(
                "the connection broke after {:.1} s: {}",
                duration.as_secs_f64(),
                error.cause
            );
            return Err(error.cause(cause).kind(Kind::Unreachable));
        }
        Ok(reports)
    }

    /// Has all threads end. Connections are reset: what is still under way is of no use to anybody.
    fn stop(&self) {
        self.stops_sending.store(true, Ordering::Relaxed);
        self.stops.store(true, Ordering::Relaxed);
        let ways = self.ways.iter();
        for end in ways.flat_map(|way| way.senders.iter().chain(&way.receivers)) {
            if self.request.protocol == Protocol::Tcp {
                let _ = end.socket.set_linger(Some(Duration::ZERO));
            }
            // It wakes who waits for it.
            let _ = end.socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop();
        for way in &mut self.ways {
            for thread in way.sending.drain(..).chain(way.receiving.drain(..)) {
                let _ = thread.join();
            }
        }
    }
}

impl Way {
    fn new(pairs: Vec<Pair>, is_back: bool) -> Self {
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for pair in pairs {
            let tally = Arc::new(Tally::default());
            let end = |socket: Socket| End {
                socket: Arc::new(socket),
                tally: tally.clone(),
            };
            let (near, far) = (end(pair.near), end(pair.far));
            let (sender, receiver) = if is_back { (far, near) } else { (near, far) };
            senders.push(sender);
            receivers.push(receiver);
        }
        Self {
            senders,
            receivers,
            sending: Vec::new(),
            receiving: Vec::new(),
        }
    }

    fn sample(&self, at: Duration) -> Sample {
        let tallies = || self.receivers.iter().map(|end| &end.tally);
        let connections = self.senders.iter();
        let connections: Vec<_> = connections
            .filter_map(|end| socket::connection(&end.socket))
            .collect();
        let rtts: Vec<Duration> = connections.iter().map(|one| one.rtt).collect();
        let jitters: Vec<Duration> = tallies()
            .map(|tally| Duration::from_nanos(tally.jitter.get()))
            .collect();
        let windows = connections.iter().map(|one| one.window);
        Sample {
            at,
            bytes: tallies().map(|tally| tally.bytes.get()).sum(),
            // Before what came, which is never more.
            sent: tallies().map(|tally| tally.sent.get()).sum(),
            received: tallies().map(|tally| tally.received.get()).sum(),
            missing: tallies().map(|tally| tally.missing.get()).sum(),
            out_of_order: tallies().map(|tally| tally.late.get()).sum(),
            duplicates: tallies().map(|tally| tally.twice.get()).sum(),
            jitter: mean(&jitters).unwrap_or_default(),
            retransmits: connections.iter().map(|one| one.retransmits).sum(),
            rtt: mean(&rtts),
            window: (!connections.is_empty()).then(|| windows.sum()),
        }
    }
}

fn mean(times: &[Duration]) -> Option<Duration> {
    let count = u32::try_from(times.len()).ok().filter(|count| *count > 0)?;
    Some(times.iter().sum::<Duration>() / count)
}

/// Deals them out to so many at the most.
fn parts(ends: &[End], most: usize) -> Vec<Vec<End>> {
    let mut parts = vec![Vec::new(); most.min(ends.len())];
    let count = parts.len().max(1);
    for (number, end) in ends.iter().enumerate() {
        if let Some(part) = parts.get_mut(number % count) {
            part.push(end.clone());
        }
    }
    parts
}

fn spawn(work: impl FnOnce() -> Ended + Send + 'static) -> Result<JoinHandle<Ended>> {
    let thread = std::thread::Builder::new().name("traffic".to_owned());
    thread
        .spawn(work)
        .map_err(|error| Error::io(&error).doing_plain("start a thread"))
}
