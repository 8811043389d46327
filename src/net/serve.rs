//! Tiny servers: a socket that was born in a namespace, and a thread that answers who connects.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{MsgFlags, SockaddrStorage, recv, recvfrom, send, sendto};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{Error, Result};
use crate::net::listener;
use crate::net::namespace::Id;
use crate::net::netns::Netns;

/// How many connections are open at once; more wait in the kernel's queue.
const MOST: usize = 256;
/// How long a connection stays open on which nothing happens.
const IDLE: Duration = Duration::from_secs(30);
/// How much of a request is read before it is answered whatever it says.
const REQUEST: usize = 16 << 10;
/// How much is read at once, and kept of what was not sent back yet.
const ROOM: usize = 64 << 10;
/// How long is waited after the kernel had no room for a further connection.
const PAUSE: Duration = Duration::from_millis(50);

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// What comes is sent back.
    Echo,
    /// A text, and the connection is closed.
    Text(String),
    /// A text to every request of HTTP.
    Http(String),
}

/// A server that runs in a thread of its own.
#[derive(Debug)]
pub struct Server {
    namespace: Id,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    wake: Arc<EventFd>,
    served: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens in `netns`; port 0 is a free one.
    pub fn start(
        netns: &Netns,
        protocol: listener::Protocol,
        address: SocketAddr,
        service: Service,
    ) -> Result<Self> {
        let socket = netns.within(|| open(protocol, address))??;
        let local = socket.local_addr()?.as_socket();
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_flags(flags)?);
        let (stop, served) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let mut room = Room {
            socket,
            service,
            open: Vec::new(),
            stop: stop.clone(),
            wake: wake.clone(),
            served: served.clone(),
        };
        let thread = std::thread::Builder::new().name("serve".to_owned());
        let thread = thread.spawn(move || match protocol {
            listener::Protocol::Tcp => room.serve(),
            listener::Protocol::Udp => room.send_back(),
        })?;
        Ok(Self {
            namespace: netns.namespace().id(),
            address: local.unwrap_or(address),
            stop,
            wake,
            served,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// In which namespace.
    pub fn namespace(&self) -> Id {
        self.namespace
    }

    /// How many connections, or datagrams, it has answered.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.wake.write(1);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open(protocol: listener::Protocol, address: SocketAddr) -> Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = match protocol {
        listener::Protocol::Tcp => Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?,
        listener::Protocol::Udp => Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?,
    };
    socket.set_nonblocking(true)?;
    if protocol == listener::Protocol::Tcp {
        // What the one before has left behind is in nobody's way.
        socket.set_reuse_address(true)?;
    }
    if let IpAddr::V6(ip) = address.ip() {
        // The one for all addresses is for those of IPv4, too.
        socket.set_only_v6(!ip.is_unspecified())?;
    }
    socket.bind(&address.into())?;
    if protocol == listener::Protocol::Tcp {
        socket.listen(1024)?;
    }
    Ok::<_, Error>(socket)
}

/// What the thread works with.
struct Room {
    socket: Socket,
    service: Service,
    open: Vec<Connection>,
    stop: Arc<AtomicBool>,
    wake: Arc<EventFd>,
    served: Arc<AtomicU64>,
}

struct Connection {
    socket: Socket,
    /// What is to be sent.
    left: VecDeque<u8>,
    /// What came of a request.
    request: Vec<u8>,
    /// Whether no more is to be sent than what is left.
    is_last: bool,
    /// Whether the other end was told so.
    is_shut: bool,
    /// Whether the other end sends no more.
    has_ended: bool,
    used: Instant,
}

/// Whether a connection goes on.
enum Goes {
    On,
    Over,
}

impl Room {
    /// Answers connections until it is to stop.
    fn serve(&mut self) {
        let mut pause = false;
        while !self.stop.load(Ordering::Relaxed) {
            let mut ready = vec![PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)];
            let takes = self.open.len() < MOST && !pause;
            let news = if takes {
                PollFlags::POLLIN
            } else {
                PollFlags::empty()
            };
            ready.push(PollFd::new(self.socket.as_fd(), news));
            ready.extend(self.open.iter().map(Connection::poll));
            let limit = if pause { PAUSE } else { IDLE };
            let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::NONE);
            // Where it is interrupted all are tried.
            let _ = poll(&mut ready, limit);
            let news: Vec<bool> = ready[1..]
                .iter()
                .map(|one| one.any().unwrap_or(true))
                .collect();
            pause = false;
            let (service, now) = (&self.service, Instant::now());
            let mut number = 0;
            self.open.retain_mut(|one| {
                number += 1;
                if news[number] {
                    one.used = now;
                    return matches!(one.act(service), Goes::On);
                }
                now.duration_since(one.used) < IDLE
            });
            while takes && news[0] && self.open.len() < MOST {
                match self.socket.accept() {
                    Ok((socket, _)) => {
                        self.served.fetch_add(1, Ordering::Relaxed);
                        self.open.extend(Connection::new(socket, &self.service));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => {
                        pause = true;
                        break;
                    }
                }
            }
        }
    }

    /// Sends datagrams back until it is to stop.
    fn send_back(&mut self) {
        let mut data = vec![0; 1 << 16];
        let number = self.socket.as_raw_fd();
        while !self.stop.load(Ordering::Relaxed) {
            let mut ready = [
                PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            ];
            let _ = poll(&mut ready, PollTimeout::NONE);
            let Ok((bytes, Some(from))) = recvfrom::<SockaddrStorage>(number, &mut data) else {
                continue;
            };
            let sent = sendto(number, &data[..bytes], &from, MsgFlags::MSG_DONTWAIT);
            self.served
                .fetch_add(u64::from(sent.is_ok()), Ordering::Relaxed);
        }
    }
}

impl Connection {
    fn new(socket: Socket, service: &Service) -> Option<Self> {
        socket.set_nonblocking(true).ok()?;
        let mut one = Self {
            socket,
            left: VecDeque::new(),
            request: Vec::new(),
            is_last: false,
            is_shut: false,
            has_ended: false,
            used: Instant::now(),
        };
        if let Service::Text(text) = service {
            one.left.extend(text.as_bytes());
            one.is_last = true;
        }
        Some(one)
    }

    fn poll(&self) -> PollFd<'_> {
        let mut news = PollFlags::empty();
        if !self.left.is_empty() || self.is_last && !self.is_shut {
            news |= PollFlags::POLLOUT;
        }
        if self.left.len() < ROOM && !self.has_ended {
            news |= PollFlags::POLLIN;
        }
        PollFd::new(self.socket.as_fd(), news)
    }

    /// Does what can be done.
    fn act(&mut self, service: &Service) -> Goes {
        if matches!(self.read(service), Goes::Over) {
            return Goes::Over;
        }
        while !self.left.is_empty() {
            let (first, _) = self.left.as_slices();
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            match send(self.socket.as_raw_fd(), first, flags) {
                Ok(bytes) => drop(self.left.drain(..bytes)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Goes::On,
                Err(_) => return Goes::Over,
            }
        }
        if self.has_ended {
            return Goes::Over;
        }
        if self.is_last && !self.is_shut {
            // The other end closes then: what it still sends is read, as an answer would be lost else.
            self.is_shut = true;
            if self.socket.shutdown(std::net::Shutdown::Write).is_err() {
                return Goes::Over;
            }
        }
        Goes::On
    }

    fn read(&mut self, service: &Service) -> Goes {
        let mut data = [0; 8192];
        while self.left.len() < ROOM && !self.has_ended {
            match recv(self.socket.as_raw_fd(), &mut data, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => self.has_ended = true,
                Ok(_) if self.is_last => {}
                Ok(bytes) => match service {
                    Service::Echo => self.left.extend(&data[..bytes]),
                    Service::Text(_) => {}
                    Service::Http(text) => {
                        self.request.extend(&data[..bytes]);
                        self.answer(text);
                    }
                },
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(_) => return Goes::Over,
            }
        }
        Goes::On
    }

    /// Answers the request if it is whole.
    fn answer(&mut self, text: &str) {
        let is_whole = self.request.windows(4).any(|end| end == b"\r\n\r\n");
        if !is_whole && self.request.len() < REQUEST {
            return;
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            text.len()
        );
        self.left.extend(head.as_bytes());
        if !self.request.starts_with(b"HEAD ") {
            self.left.extend(text.as_bytes());
        }
        self.is_last = true;
    }
}
