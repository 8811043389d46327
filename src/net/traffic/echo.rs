//! How long a piece of data takes there and back: one end sends, the other sends it back.

use std::future::Future;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{MsgFlags, recv, send};
use nix::sys::time::TimeSpec;
use socket2::Socket;

use super::connect::{self, Pair};
use super::socket::Told;
use super::{Ends, HEAD};
use crate::error::{Error, Kind, Result};
use crate::net::listener::Protocol;

/// How long a thread sleeps at most before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// What is to be tried.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// By which protocol.
    pub protocol: Protocol,
    /// How often.
    pub count: u64,
    /// The time from one try to the next.
    pub interval: Duration,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// The bytes of data in each.
    pub size: usize,
    /// The type of service or traffic class.
    pub tos: Option<u8>,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// How many were sent.
    pub sent: u64,
    /// How long those took that came back, in the order in which they were sent.
    pub times: Vec<Duration>,
    /// Whether it was ended before its time.
    pub interrupted: bool,
}

/// Two ends that know each other.
#[derive(Debug)]
pub struct Echo {
    pair: Pair,
    asked: Asked,
}

impl Echo {
    /// Connects them. Fails with `unreachable` where the other end does not answer within three times the time of an answer.
    pub async fn open(ends: &Ends<'_>, asked: Asked) -> Result<Self> {
        let told = Told {
            mss: None,
            tos: asked.tos,
        };
        let limit = asked.timeout * 3;
        let pairs = connect::pairs(ends, asked.protocol, 1, told, limit).await?;
        let pair = pairs.into_iter().next();
        let pair = pair.ok_or_else(|| Error::new(Kind::Kernel, "nothing was connected"))?;
        if asked.protocol == Protocol::Tcp {
            pair.near.set_tcp_nodelay(true)?;
            pair.far.set_tcp_nodelay(true)?;
        }
        Ok(Self { pair, asked })
    }

    /// Tries it as often as was asked for, or until `interruption`. `tell` is told now and then how many are done.
    pub async fn run(
        self,
        mut tell: impl FnMut(u64),
        interruption: impl Future<Output = ()>,
    ) -> Result<Answers> {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let Self { pair, asked } = self;
        let (heard, far) = (stop.clone(), pair.far);
        let back = spawn(move || sends_back(&far, &heard))?;
        let (heard, counted, near) = (stop.clone(), done.clone(), pair.near);
        let (tells, mut told) = oneshot::channel();
        let asks = spawn(move || {
            let answers = ask(&near, &asked, &heard, &counted);
            // Where nobody waits any more, the run has failed.
            let _ = tells.send(answers);
        });
        let mut interruption = std::pin::pin!(interruption);
        let mut interrupted = false;
        let answers = loop {
            tokio::select! {
                answers = &mut told => break answers,
                () = &mut interruption, if !interrupted => {
                    interrupted = true;
                    stop.store(true, Ordering::Relaxed);
                }
                () = tokio::time::sleep(LOOK) => tell(done.load(Ordering::Relaxed)),
            }
        };
        stop.store(true, Ordering::Relaxed);
        for thread in [back, asks?] {
            let _ = thread.join();
        }
        let cannot = |_| Error::new(Kind::Kernel, "a thread of it ended in a panic");
        let answers = answers.map_err(cannot)??;
        Ok(Answers {
            interrupted,
            ..answers
        })
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("echo".to_owned());
    thread
        .spawn(work)
        .map_err(|error| Error::io(&error).doing_plain("start a thread"))
}

/// Waits until there is something to read, for `time` at most.
fn wait(socket: &Socket, time: Duration) {
    let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    // Where it is interrupted, or fails, it is read all the same.
    let _ = ppoll(&mut ready, Some(TimeSpec::from_duration(time)), None);
}

/// Sends back what comes, until `stop` is set or the other end closes.
fn sends_back(socket: &Socket, stop: &AtomicBool) {
    let mut data = vec![0; 1 << 16];
    while !stop.load(Ordering::Relaxed) {
        match recv(socket.as_raw_fd(), &mut data, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => return,
            Ok(bytes) => {
                if send_all(socket, &data[..bytes], stop).is_err() {
                    return;
                }
            }
            Err(Errno::EAGAIN) => wait(socket, LOOK),
            Err(_) if stop.load(Ordering::Relaxed) => return,
            // An error of ICMP, once for each.
            Err(Errno::EINTR | Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => {}
            Err(_) => return,
        }
    }
}

/// Sends all of it. What a socket of datagrams can't send is lost.
fn send_all(socket: &Socket, mut data: &[u8], stop: &AtomicBool) -> Result<(), Errno> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    while !data.is_empty() && !stop.load(Ordering::Relaxed) {
        match send(socket.as_raw_fd(), data, flags) {
            Ok(bytes) => data = &data[bytes..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
                let _ = ppoll(&mut ready, Some(TimeSpec::from_duration(LOOK)), None);
            }
            Err(Errno::EPIPE | Errno::ECONNRESET | Errno::ETIMEDOUT) => {
                return Err(Errno::EPIPE);
            }
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

/// Sends one after the other and waits for each.
fn ask(socket: &Socket, asked: &Asked, stop: &AtomicBool, done: &AtomicU64) -> Result<Answers> {
    let mut answers = Answers::default();
    let mut data = vec![b'.'; asked.size.max(HEAD)];
    let mut came = vec![0; 1 << 16];
    let mut next = Instant::now();
    for number in 0..asked.count {
        while !stop.load(Ordering::Relaxed) {
            let pause = next.saturating_duration_since(Instant::now());
            if pause.is_zero() {
                break;
            }
            std::thread::sleep(pause.min(LOOK));
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
        data[..8].copy_from_slice(&number.to_be_bytes());
        let sent = Instant::now();
        next = sent + asked.interval;
        answers.sent += 1;
        let broken = |errno: Errno| {
            let error = Error::sys(errno);
            let cause = format!(
                "the connection broke after {number} answers: {}",
                error.cause
            );
            error.cause(cause).kind(Kind::Unreachable)
        };
        send_all(socket, &data, stop).map_err(broken)?;
        let found = answer(socket, asked, (&data, &mut came), sent, stop).map_err(broken)?;
        answers.times.extend(found);
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(answers)
}

/// Waits for the answer to what was sent: all of its bytes, or the datagram of that number.
fn answer(
    socket: &Socket,
    asked: &Asked,
    (data, came): (&[u8], &mut [u8]),
    sent: Instant,
    stop: &AtomicBool,
) -> Result<Option<Duration>, Errno> {
    let mut left = data.len();
    while !stop.load(Ordering::Relaxed) {
        let most = match asked.protocol {
            Protocol::Tcp => left.min(came.len()),
            Protocol::Udp => came.len(),
        };
        match recv(
            socket.as_raw_fd(),
            &mut came[..most],
            MsgFlags::MSG_DONTWAIT,
        ) {
            Ok(0) if asked.protocol == Protocol::Tcp => return Err(Errno::EPIPE),
            Ok(bytes) => {
                let time = sent.elapsed();
                match asked.protocol {
                    Protocol::Tcp => left -= bytes,
                    // One that came late answers another.
                    Protocol::Udp if came[..bytes].get(..8) == data.get(..8) => left = 0,
                    Protocol::Udp => {}
                }
                if left == 0 {
                    return Ok((time <= asked.timeout).then_some(time));
                }
            }
            Err(Errno::EAGAIN) => {
                let time = sent.elapsed();
                let rest = asked.timeout.saturating_sub(time);
                // What a stream has lost comes some time, and all behind it waits.
                if rest.is_zero() && asked.protocol == Protocol::Udp {
                    return Ok(None);
                }
                wait(socket, if rest.is_zero() { LOOK } else { rest.min(LOOK) });
            }
            Err(Errno::EINTR | Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(None)
}
