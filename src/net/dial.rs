//! Connections that are made in a namespace, within a time of our own: a quick look whether somebody is there, a page of HTTP.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::{Error, Kind, Result};
use crate::net::netns::Netns;
use crate::value::duration;

/// How long the head of an answer may be, and how many headers it may have.
const HEAD: usize = 64 << 10;
const HEADERS: usize = 100;

/// A connection that stands.
#[derive(Debug)]
pub struct Dialled {
    stream: TcpStream,
    /// Our own end.
    pub source: SocketAddr,
    /// How long it took.
    pub time: Duration,
}

/// Connects in `netns`. Fails with `unreachable` where nobody takes it, and with `timeout` where it takes longer than `limit`.
pub async fn connect(netns: &Netns, to: SocketAddr, limit: Duration) -> Result<Dialled> {
    let socket = netns.within(|| {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        Ok::<_, io::Error>(socket)
    })??;
    let began = Instant::now();
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => {
            return Err(refused(&error));
        }
        _ => {}
    }
    let stream = TcpStream::from_std(socket.into())?;
    within(limit, async {
        stream.writable().await?;
        match stream.take_error()? {
            Some(error) => Err(refused(&error)),
            None => Ok(()),
        }
    })
    .await?;
    let time = began.elapsed();
    let source = stream.local_addr()?;
    Ok(Dialled {
        stream,
        source,
        time,
    })
}

fn refused(error: &io::Error) -> Error {
    let mut told = Error::io(error);
    if ![Some(Errno::EMFILE), Some(Errno::ENFILE)].contains(&told.errno) {
        told.hint = None;
        told.kind = match told.errno {
            Some(Errno::ETIMEDOUT) => Kind::Timeout,
            _ => Kind::Unreachable,
        };
    }
    told
}

async fn within<T>(limit: Duration, future: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, future).await {
        Ok(found) => found,
        Err(_) => Err(Error::new(
            Kind::Timeout,
            format!("nobody answers within {}", duration::print(limit)),
        )),
    }
}

/// What a server of HTTP answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The number: 200 where all is well.
    pub status: u16,
    /// What the server says of it.
    pub reason: String,
    /// The headers, in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether there is more of it than was wanted.
    pub is_cut: bool,
}

impl Page {
    /// The header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Dialled {
    /// Hands the connection on.
    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Asks for a page, and takes at most `most` bytes of it.
    pub async fn get(
        mut self,
        host: &str,
        path: &str,
        most: usize,
        limit: Duration,
    ) -> Result<Page> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: ipvsh\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        within(limit, async {
            self.stream.write_all(request.as_bytes()).await?;
            let mut came = Vec::new();
            loop {
                if let Some((page, end)) = head(&came)? {
                    // An interim answer has another behind it.
                    if (100..200).contains(&page.status) && page.status != 101 {
                        came.drain(..end);
                        continue;
                    }
                    came.drain(..end);
                    return self.body(page, came, most).await;
                }
                if came.len() > HEAD {
                    return Err(no_http("its headers have no end"));
                }
                if self.stream.read_buf(&mut came).await? == 0 {
                    return Err(no_http(if came.is_empty() {
                        "the connection was closed without one"
                    } else {
                        "it ends in its headers"
                    }));
                }
            }
        })
        .await
    }

    /// Reads the body, of which `came` is there.
    async fn body(mut self, mut page: Page, mut came: Vec<u8>, most: usize) -> Result<Page> {
        let is_chunked = page
            .header("transfer-encoding")
            .is_some_and(|how| how.to_ascii_lowercase().contains("chunked"));
        let length = page.header("content-length");
        let length: Option<usize> = length.and_then(|length| length.trim().parse().ok());
        let length = match page.status {
            204 | 304 => Some(0),
            _ if is_chunked => None,
            _ => length,
        };
        let mut body = Vec::new();
        let is_whole = loop {
            let is_whole = if is_chunked {
                chunks(&mut came, &mut body)?
            } else {
                body.append(&mut came);
                length.is_some_and(|length| body.len() >= length)
            };
            if is_whole || body.len() > most || came.len() > most + HEAD {
                break is_whole;
            }
            if self.stream.read_buf(&mut came).await? == 0 {
                if is_chunked || length.is_some() {
                    return Err(no_http("it ends before it is whole"));
                }
                break true;
            }
        };
        if let Some(length) = length {
            body.truncate(length);
        }
        if let Ok(httparse::Status::Complete((begin, _))) = httparse::parse_chunk_size(&came)
            && is_chunked
            && !is_whole
        {
            // A chunk that is larger than what is wanted.
            body.extend(&came[begin..]);
        }
        page.is_cut = !is_whole || body.len() > most;
        body.truncate(most);
        page.body = body;
        Ok(page)
    }
}

fn no_http(why: &str) -> Error {
    Error::new(Kind::Unreachable, format!("no answer of HTTP came: {why}"))
}

/// The head of an answer, and where it ends; none while it is not whole.
fn head(came: &[u8]) -> Result<Option<(Page, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(came) {
        Ok(httparse::Status::Partial) => Ok(None),
        Ok(httparse::Status::Complete(end)) => {
            let headers = response.headers.iter();
            let headers = headers.map(|one| {
                let value = String::from_utf8_lossy(one.value).into_owned();
                (one.name.to_ascii_lowercase(), value)
            });
            let page = Page {
                status: response.code.unwrap_or_default(),
                reason: response.reason.unwrap_or_default().to_owned(),
                headers: headers.collect(),
                ..Page::default()
            };
            Ok(Some((page, end)))
        }
        Err(error) => Err(no_http(&error.to_string())),
    }
}

/// Takes the chunks out of `came` that are whole; whether the last one is among them.
fn chunks(came: &mut Vec<u8>, body: &mut Vec<u8>) -> Result<bool> {
    loop {
        let size =
            httparse::parse_chunk_size(came).map_err(|_| no_http("its chunks have no size"))?;
        let httparse::Status::Complete((begin, size)) = size else {
            return Ok(false);
        };
        if size == 0 {
            return Ok(true);
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let end = begin.saturating_add(size);
        if came.len() < end.saturating_add(2) {
            return Ok(false);
        }
        body.extend(&came[begin..end]);
        came.drain(..end + 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_as_they_come() {
        let (mut came, mut body) = (b"3\r\nabc\r\n4;x=y\r\nde".to_vec(), Vec::new());
        assert_eq!(chunks(&mut came, &mut body), Ok(false));
        came.extend(b"fg\r\n0\r\n\r\n");
        assert_eq!(chunks(&mut came, &mut body), Ok(true));
        assert_eq!(body, b"abcdefg");
        assert!(chunks(&mut b"zz\r\n".to_vec(), &mut body).is_err());
    }

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nA-b: c\r\n"), Ok(None));
        let found = head(b"HTTP/1.1 404 Not Found\r\nA-b: c\r\n\r\nrest").unwrap();
        let (page, end) = found.unwrap();
        assert_eq!(
            (page.status, page.reason.as_str(), end),
            (404, "Not Found", 34)
        );
        assert_eq!(page.header("a-b"), Some("c"));
        assert!(head(b"SSH-2.0-x\r\n").is_err());
    }
}
