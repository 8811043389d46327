//! Sockets of two namespaces that have found each other, within a time of our own.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::time::Duration;

use futures::future::{try_join, try_join_all};
use nix::errno::Errno;
use socket2::{SockAddr, Socket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::socket::{self, Told};
use super::{Ends, HEAD};
use crate::error::{Error, Kind, Result};
use crate::net::listener::Protocol;

/// How often a datagram that asks whether the other is there is sent anew.
const AGAIN: Duration = Duration::from_millis(100);

/// What such a datagram has: less than any that is measured.
const HELLO: &[u8] = b"ipvsh";
const _: () = assert!(HELLO.len() < HEAD);

/// Two sockets that are connected to each other: one in the namespace that asked, one in that which was asked.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) near: Socket,
    pub(super) far: Socket,
}

/// Connects so many pairs. Fails with `unreachable` where that takes longer than `limit` or is refused.
pub(super) async fn pairs(
    ends: &Ends<'_>,
    protocol: Protocol,
    count: usize,
    told: Told,
    limit: Duration,
) -> Result<Vec<Pair>> {
    let all = async {
        match protocol {
            Protocol::Tcp => connections(ends, count, told).await,
            Protocol::Udp => {
                let pairs = (0..count).map(|_| datagrams(ends, told));
                try_join_all(pairs).await
            }
        }
    };
    match tokio::time::timeout(limit, all).await {
        Ok(found) => found,
        Err(_) => Err(unreached(
            ends,
            format!(
                "{} did not answer within {}",
                ends.destination,
                crate::value::duration::print(limit)
            ),
        )),
    }
}

fn unreached(ends: &Ends<'_>, cause: String) -> Error {
    Error::new(Kind::Unreachable, cause).within(ends.from.label())
}

/// The error of a socket that tried to reach the other.
fn refused(ends: &Ends<'_>, error: &io::Error) -> Error {
    let mut told = Error::io(error);
    // Of these the cause lies with this machine and not on the way.
    let is_ours = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::ENOBUFS];
    if told.errno.is_some_and(|errno| is_ours.contains(&errno)) {
        return told;
    }
    told.hint = None;
    let cause = format!("{} is not reached: {}", ends.destination, told.cause);
    told.kind(Kind::Unreachable)
        .cause(cause)
        .within(ends.from.label())
}

/// The error of a socket that could not be bound to its own address.
fn not_bound(ends: &Ends<'_>, error: Error) -> Error {
    if error.errno != Some(Errno::EADDRNOTAVAIL) {
        return error;
    }
    let error = error.cause(format!("its address {} can't be used", ends.destination));
    error
        .within(ends.to.label())
        .hint("an IPv6 address is ready when it was looked for twice: wait_dad(), or give it with #{nodad: true}")
}

/// The socket, to be waited for.
fn ready(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: the descriptor is the socket's own, and nothing lets go of it before the socket is dropped.
    let registered = unsafe { AsyncFd::register(socket) };
    registered.map_err(Into::into)
}

/// Does a thing with a socket when it is ready for it.
async fn when<T>(
    socket: &AsyncFd<Socket>,
    interest: Interest,
    mut act: impl FnMut(&Socket) -> io::Result<T>,
) -> io::Result<T> {
    socket.async_io(interest, |socket| act(socket)).await
}

async fn connections(ends: &Ends<'_>, count: usize, told: Told) -> Result<Vec<Pair>> {
    let (ip, protocol) = (ends.destination, Protocol::Tcp);
    let listener = socket::open(ends.to, protocol, ip, Some(ip), told)
        .map_err(|error| not_bound(ends, error))?;
    listener.listen(i32::try_from(count).unwrap_or(i32::MAX))?;
    let address = listener.local_addr()?;
    let listener = ready(listener)?;
    let connect = async || {
        let near = socket::open(ends.from, protocol, ip, ends.source, told)?;
        connected(near, &address)
            .await
            .map_err(|error| refused(ends, &error))
    };
    let accept = async || {
        let mut accepted = Vec::with_capacity(count);
        while accepted.len() < count {
            let (far, _) = when(&listener, Interest::READABLE, Socket::accept).await?;
            far.set_nonblocking(true)?;
            accepted.push(far);
        }
        Ok::<_, Error>(accepted)
    };
    // The one fails and the other would wait for ever.
    let nears = try_join_all((0..count).map(|_| connect()));
    let (nears, fars) = try_join(nears, accept()).await?;
    let pairs = nears.into_iter().zip(fars);
    Ok(pairs.map(|(near, far)| Pair { near, far }).collect())
}

async fn connected(socket: Socket, address: &SockAddr) -> io::Result<Socket> {
    match socket.connect(address) {
        Ok(()) => return Ok(socket),
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    let socket = ready(socket)?;
    socket.writable().await?.clear_ready();
    let socket = socket.into_inner();
    match socket.take_error()? {
        Some(error) => Err(error),
        None => Ok(socket),
    }
}

/// Two sockets of datagrams. Each has heard of the other: packets go both ways, whatever translates their addresses.
async fn datagrams(ends: &Ends<'_>, told: Told) -> Result<Pair> {
    let (ip, protocol) = (ends.destination, Protocol::Udp);
    let far = socket::open(ends.to, protocol, ip, Some(ip), told)
        .map_err(|error| not_bound(ends, error))?;
    let near = socket::open(ends.from, protocol, ip, ends.source, told)?;
    let outcome = async {
        near.connect(&far.local_addr()?)?;
        let near = ready(near)?;
        let far = ready(far)?;
        let mut asked = [MaybeUninit::uninit(); HELLO.len()];
        let mut answered = asked;
        let (_, peer) = until_heard(&near, async {
            when(&far, Interest::READABLE, |far| far.recv_from(&mut asked)).await
        })
        .await?;
        far.get_ref().connect(&peer)?;
        until_heard(&far, async {
            when(&near, Interest::READABLE, |near| near.recv(&mut answered)).await
        })
        .await?;
        Ok(Pair {
            near: near.into_inner(),
            far: far.into_inner(),
        })
    };
    outcome.await.map_err(|error| refused(ends, &error))
}

/// Says hello again and again until `heard` is done.
async fn until_heard<T>(
    from: &AsyncFd<Socket>,
    heard: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let mut heard = std::pin::pin!(heard);
    loop {
        match from.get_ref().send(HELLO) {
            Ok(_) => {}
            // What an earlier one met is told by the next.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        tokio::select! {
            done = &mut heard => return done,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}
