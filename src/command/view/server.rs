//! Serves the page on the loopback: what it shows, what is new, and what somebody asks by it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::http::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, broadcast, watch};

use super::ask;
use super::gate::{Gate, Way, random};
use crate::view::graph::{Graph, Shown};

/// How many connections there are at once: a browser has six. More are closed at once.
const CONNECTIONS: usize = 64;
/// How long a request may take to be sent.
const REQUEST: Duration = Duration::from_secs(5);
/// Room for the head of a request.
const HEAD: usize = 16 << 10;
/// How many events may wait for a slow browser; it misses the oldest.
const WAITING: usize = 256;
/// Resources that a page of another origin may not take in: `Cross-Origin-Resource-Policy`.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// An answer, or the beginning of one that goes on.
pub(super) type Answer = Response<BoxBody<Bytes, io::Error>>;

/// What there is to see.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What the page shows.
    pub(super) shown: Shown,
    /// The names of links by namespace: what may be asked about.
    pub(super) links: BTreeMap<String, BTreeSet<String>>,
    /// The one of the namespaces that ipvsh was started in, where it is among them.
    pub(super) home: Option<String>,
}

impl Seen {
    pub(super) fn of(graph: &Graph, home: Option<String>) -> Self {
        let links = graph.namespaces.iter().map(|namespace| {
            let names = namespace.links.iter().map(|link| link.name.clone());
            (namespace.name.clone(), names.collect())
        });
        Self {
            shown: Shown::of(graph),
            links: links.collect(),
            home,
        }
    }
}

/// What is told to all pages, as the server and who looks at the kernel share it.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) gate: Gate,
    seen: watch::Sender<Arc<Seen>>,
    news: broadcast::Sender<Bytes>,
    connections: Arc<Semaphore>,
    pub(super) questions: Arc<Semaphore>,
    pub(super) captures: Arc<Semaphore>,
}

impl Site {
    pub(super) fn new(gate: Gate, seen: Seen) -> Self {
        Self {
            gate,
            seen: watch::Sender::new(Arc::new(seen)),
            news: broadcast::Sender::new(WAITING),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            questions: Arc::new(Semaphore::new(ask::QUESTIONS)),
            captures: Arc::new(Semaphore::new(ask::CAPTURES)),
        }
    }

    /// What is seen now.
    pub(super) fn seen(&self) -> Arc<Seen> {
        self.seen.borrow().clone()
    }

    /// Shows what is seen now, where that is another picture.
    pub(super) fn show(&self, seen: Seen) {
        self.seen.send_if_modified(|before| {
            let is_new = before.shown != seen.shown;
            if is_new {
                *before = Arc::new(seen);
            }
            is_new
        });
    }

    /// Tells all pages something of that kind.
    pub(super) fn tell(&self, kind: &str, what: &serde_json::Value) {
        // Nobody may listen.
        let _ = self.news.send(event(kind, what));
    }

    /// How many pages listen.
    pub(super) fn listeners(&self) -> usize {
        self.news.receiver_count()
    }
}

/// An event, as the stream of events has it.
fn event(kind: &str, what: &serde_json::Value) -> Bytes {
    format!("event: {kind}\ndata: {what}\n\n").into()
}

/// Takes connections, for ever.
pub(super) async fn serve(listener: TcpListener, site: Arc<Site>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // There are no descriptors left: some will be closed.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(permit) = site.connections.clone().try_acquire_owned() else {
            continue;
        };
        let site = site.clone();
        tokio::spawn(async move {
            connection(stream, site).await;
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, site: Arc<Site>) {
    // Events are small, and are to come at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(answer(request, &site).await) }
    });
    // What goes wrong on a connection is known to the browser, too.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, site: &Arc<Site>) -> Answer {
    let (parts, _) = request.into_parts();
    let mut answer = match site.gate.pass(&parts) {
        Ok(way) => {
            let pairs = pairs(parts.uri.query().unwrap_or_default());
            match way {
                Way::Slash => redirect(&site.gate.page()),
                Way::Asked("") => page(site),
                Way::Asked("news") => news(site),
                Way::Asked("why") => ask::why(site, &pairs).await,
                Way::Asked("mesh") => ask::mesh(site, &pairs).await,
                Way::Asked("capture") => ask::capture(site, &pairs).await,
                Way::Asked(_) => text(StatusCode::NOT_FOUND, "there is no such thing here"),
            }
        }
        Err((code, why)) => {
            let mut refused = text(code, why);
            let headers = refused.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
            refused
        }
    };
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (RESOURCE_POLICY, "same-origin"),
    ] {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn page(site: &Site) -> Answer {
    let Ok(nonce) = random() else {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "no random numbers");
    };
    let mut answer = whole(
        "text/html; charset=utf-8",
        site.seen().shown.live_page(&nonce),
    );
    // A picture has its own style; what is not in the page comes from here alone.
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

/// What a page still has to be told.
struct Listener {
    seen: watch::Receiver<Arc<Seen>>,
    news: broadcast::Receiver<Bytes>,
}

impl Listener {
    /// The next event; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                biased;
                changed = self.seen.changed() => {
                    changed.ok()?;
                    return Some(event("graph", &self.seen.borrow_and_update().shown.to_json()));
                }
                told = self.news.recv() => match told {
                    Ok(told) => return Some(told),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
    }
}

/// The stream of events: the picture first, since the page may be older.
fn news(site: &Site) -> Answer {
    let mut seen = site.seen.subscribe();
    seen.mark_changed();
    let listener = Listener {
        seen,
        news: site.news.subscribe(),
    };
    let events = stream::unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok(Frame::data(event)), listener))
    });
    with_body("text/event-stream", BodyExt::boxed(StreamBody::new(events)))
}

/// An answer with that body.
pub(super) fn with_body(kind: &'static str, body: BoxBody<Bytes, io::Error>) -> Answer {
    let mut answer = Response::new(body);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn whole(kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let body = Full::new(body.into()).map_err(|never| match never {});
    with_body(kind, body.boxed())
}

/// An answer in plain text.
pub(super) fn text(code: StatusCode, said: impl Into<String>) -> Answer {
    let mut answer = whole("text/plain; charset=utf-8", said.into());
    *answer.status_mut() = code;
    answer
}

fn redirect(to: &str) -> Answer {
    let mut answer = text(StatusCode::PERMANENT_REDIRECT, "");
    if let Ok(to) = HeaderValue::from_str(to) {
        answer.headers_mut().insert(LOCATION, to);
    }
    answer
}

/// The names and values of a query.
fn pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}
