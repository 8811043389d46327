//! The run: sends on schedule, matches what arrives to what was sent, gives up on what does not arrive.

use std::collections::VecDeque;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

use socket2::{Domain, Socket, Type};

use super::probe::{Outcome, Probe};
use super::report::{Report, Tally};
use super::request::Request;
use super::sockets::{Arrival, Departure, Sockets};
use super::wire::Content;
use crate::error::Result;

/// A sequence number has 16 bits on the wire: no more than this can be told apart.
const MOST_IN_FLIGHT: usize = 1 << 16;

/// How far a schedule of short intervals may fall behind and still catch up: what a timer's coarseness costs, a pause not.
const CATCH_UP: Duration = Duration::from_millis(5);

/// Below this the event loop is asked for news after each request, not only when there is time left.
const BUSY: Duration = Duration::from_millis(1);

/// The sockets to ping one destination with.
pub struct Pinger {
    request: Request,
    sockets: Sockets,
    /// Whether more than one may answer.
    is_for_many: bool,
}

impl Pinger {
    /// Opens the sockets in the namespace of the calling thread, where they stay.
    ///
    /// RAW ones where that is permitted, else the unprivileged kind.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime that has I/O and time enabled.
    pub fn open(request: &Request) -> Result<Self> {
        request.validate()?;
        let sockets = Sockets::open(request)
            .map_err(|error| error.unless_said(|error| error.doing("ping", &request.label)))?;
        let mut request = request.clone();
        if request.device.is_some() && request.source.is_none() {
            request.source = preferred_source(&request);
        }
        let is_for_many = request.destination.is_multicast() || is_broadcast(&request);
        Ok(Self {
            request,
            sockets,
            is_for_many,
        })
    }

    /// What tells the requests from those of others: the ICMP identifier, and what the payload begins with.
    pub fn marks(&self) -> (u16, &[u8]) {
        self.sockets.marks()
    }

    /// The request; where it names a device and no source, with the source that the kernel prefers.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Pings, and calls `on_probe` with each outcome as it becomes known.
    ///
    /// Ends when all that was sent is answered or given up, or as soon as `interrupted` is ready. What the network answers,
    /// or does not, is in the report and no error.
    pub async fn run(
        &mut self,
        on_probe: impl FnMut(&Probe),
        interrupted: impl Future<Output = ()>,
    ) -> Result<Report> {
        let request = &self.request;
        let sender = self.sockets.sender().await;
        let payload = self.sockets.payload(request.size);
        let mut interrupted = pin!(interrupted);
        let mut was_interrupted = false;

        let began = Instant::now();
        let mut first_sent = None;
        let mut last_sent = began;
        let mut due = began;
        // After the first answer others may come, for as long as it would take until the next request.
        let linger = self
            .is_for_many
            .then(|| request.timeout.min(request.interval));
        let mut flight = Flight::new(request.timeout, linger, on_probe);

        loop {
            let unsent = request
                .count
                .is_none_or(|count| flight.tally.sent() < count);
            if unsent && due <= Instant::now() {
                let sequence = flight.tally.send();
                let sent = tokio::select! {
                    biased;
                    () = &mut interrupted => None,
                    sent = self.sockets.send(&sender, on_wire(sequence), &payload) => Some(sent?),
                };
                let Some((departure, refusal)) = sent else {
                    flight.tally.unsend();
                    was_interrupted = true;
                    break;
                };
                last_sent = departure.steady;
                first_sent.get_or_insert(last_sent);
                match refusal {
                    Ok(()) => flight.launch(sequence, departure),
                    Err(outcome) => flight.conclude(Probe { sequence, outcome }),
                }
                due = next_due(due, request.interval, Instant::now());
                if request.interval < BUSY {
                    tokio::task::yield_now().await;
                }
            }

            let unsent = request
                .count
                .is_none_or(|count| flight.tally.sent() < count);
            let wake = match (unsent.then_some(due), flight.oldest_deadline()) {
                (Some(due), Some(deadline)) => due.min(deadline),
                (Some(wake), None) | (None, Some(wake)) => wake,
                (None, None) => break,
            };
            tokio::select! {
                biased;
                () = &mut interrupted => {
                    was_interrupted = true;
                    break;
                }
                ready = self.sockets.readable() => {
                    // Forgotten before the socket is emptied, so that what arrives meanwhile rings again.
                    ready?.clear_ready();
                }
                () = tokio::time::sleep_until(wake.into()) => {}
            }
            // What has arrived in time counts, however late it is read: first the replies, then the losses.
            while let Some(arrival) = self.sockets.receive()? {
                flight.take(arrival);
            }
            flight.give_up(Instant::now());
        }

        if was_interrupted {
            while let Some(arrival) = self.sockets.receive()? {
                flight.take(arrival);
            }
        }
        let sending = last_sent.duration_since(first_sent.unwrap_or(last_sent));
        Ok(flight
            .tally
            .finish(request, began.elapsed(), sending, was_interrupted))
    }
}

/// When the request after the one due at `due` is due, on a schedule that does not drift.
fn next_due(due: Instant, interval: Duration, now: Instant) -> Instant {
    let next = due + interval;
    if now.saturating_duration_since(next) > interval.max(CATCH_UP) {
        now
    } else {
        next
    }
}

/// The sequence number as it is sent.
fn on_wire(sequence: u64) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "the field has 16 bits")]
    let low = sequence as u16;
    low
}

/// The address that the kernel would send from, found by connecting a socket that sends nothing.
fn preferred_source(request: &Request) -> Option<IpAddr> {
    let socket = connected(request).ok()?;
    Some(socket.local_addr().ok()?.as_socket()?.ip())
}

fn connected(request: &Request) -> std::io::Result<Socket> {
    let domain = Domain::for_address(SocketAddr::new(request.destination, 0));
    let socket = Socket::new(domain, Type::DGRAM, None)?;
    let device = request.device.as_deref().map(str::as_bytes);
    socket.bind_device(device)?;
    // Any port will do: nothing is sent.
    let discard = SocketAddr::new(request.destination, 9);
    socket.connect(&discard.into())?;
    Ok(socket)
}

/// Whether the kernel takes the destination for a broadcast address: it refuses one to a socket that has not asked for it.
fn is_broadcast(request: &Request) -> bool {
    if request.destination.is_ipv6() {
        return false;
    }
    let refusal = connected(request).err();
    refusal.and_then(|error| error.raw_os_error()) == Some(libc::EACCES)
}

/// The requests that may still be answered, the oldest first, and the tally of the others.
struct Flight<F> {
    timeout: Duration,
    /// How long after it was sent an answered request waits for further answers, where there may be some.
    linger: Option<Duration>,
    /// Gapless from `first` on, so that a sequence number is a position.
    requests: VecDeque<InFlight>,
    first: u64,
    /// How many at the front are known to be over, so that the oldest pending one is not searched for from there each time.
    over: usize,
    tally: Tally,
    on_probe: F,
}

struct InFlight {
    /// None for one that never left.
    departure: Option<Departure>,
    /// An answered one stays until its timeout, so that a duplicate is known for one.
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Replied,
    Failed,
}

impl<F: FnMut(&Probe)> Flight<F> {
    fn new(timeout: Duration, linger: Option<Duration>, on_probe: F) -> Self {
        Self {
            timeout,
            linger,
            requests: VecDeque::new(),
            first: 1,
            over: 0,
            tally: Tally::new(),
            on_probe,
        }
    }

    /// Notes that a request left.
    fn launch(&mut self, sequence: u64, departure: Departure) {
        while self.requests.len() >= MOST_IN_FLIGHT {
            self.retire_oldest();
        }
        self.push(sequence, Some(departure), State::Pending);
    }

    /// Notes that a request is over before it began.
    fn conclude(&mut self, probe: Probe) {
        self.push(probe.sequence, None, State::Failed);
        self.emit(probe);
    }

    fn push(&mut self, sequence: u64, departure: Option<Departure>, state: State) {
        if self.requests.is_empty() {
            self.first = sequence;
        }
        self.requests.push_back(InFlight { departure, state });
    }

    fn emit(&mut self, probe: Probe) {
        (self.on_probe)(&probe);
        self.tally.record(probe);
    }

    /// When the oldest unanswered request is to be given up.
    fn oldest_deadline(&mut self) -> Option<Instant> {
        loop {
            let request = self.requests.get(self.over)?;
            if request.state == State::Pending {
                return Some(request.departure?.steady + self.timeout);
            }
            let until = self.linger.and_then(|linger| {
                let until = request.departure?.steady + linger;
                (request.state == State::Replied && until > Instant::now()).then_some(until)
            });
            if until.is_some() {
                return until;
            }
            self.over += 1;
        }
    }

    /// Gives up what is older than the timeout.
    fn give_up(&mut self, now: Instant) {
        while let Some(oldest) = self.requests.front() {
            let over = oldest.departure.is_none_or(|departure| {
                now.saturating_duration_since(departure.steady) >= self.timeout
            });
            if !over {
                break;
            }
            self.retire_oldest();
        }
    }

    fn retire_oldest(&mut self) {
        let Some(oldest) = self.requests.pop_front() else {
            return;
        };
        let sequence = self.first;
        self.first += 1;
        self.over = self.over.saturating_sub(1);
        if oldest.state == State::Pending {
            self.emit(Probe {
                sequence,
                outcome: Outcome::Lost,
            });
        }
    }

    /// Matches what arrived to the request that it answers.
    fn take(&mut self, arrival: Arrival) {
        let offset = arrival.message.sequence.wrapping_sub(on_wire(self.first));
        let Some(request) = self.requests.get_mut(usize::from(offset)) else {
            return;
        };
        let Some(departure) = request.departure else {
            return;
        };
        let sequence = self.first + u64::from(offset);
        let was = request.state;
        let outcome = match arrival.message.content {
            Content::Reply { from, bytes } => {
                let rtt = round_trip(departure, arrival.wall);
                let ttl = arrival.ttl;
                match was {
                    State::Pending if rtt > self.timeout => return,
                    State::Pending => {
                        request.state = State::Replied;
                        Outcome::Reply {
                            from,
                            bytes,
                            ttl,
                            rtt,
                        }
                    }
                    State::Replied => Outcome::Duplicate {
                        from,
                        bytes,
                        ttl,
                        rtt,
                    },
                    State::Failed => return,
                }
            }
            Content::Error(outcome) if was == State::Pending => {
                request.state = State::Failed;
                outcome
            }
            Content::Error(_) => return,
        };
        self.emit(Probe { sequence, outcome });
    }
}

/// From just before the request was sent to the kernel's stamp on the reply.
///
/// The stamp is of a clock that can be set; where it makes no sense, what the steady one says is right, if a little long.
fn round_trip(departure: Departure, stamp: Option<SystemTime>) -> Duration {
    let at_most = departure.steady.elapsed();
    stamp
        .and_then(|stamp| stamp.duration_since(departure.wall).ok())
        .filter(|rtt| *rtt <= at_most)
        .unwrap_or(at_most)
}
