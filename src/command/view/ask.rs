//! What a page asks: each question is a process of ipvsh of its own, so that one that lasts keeps nothing else waiting, and ends
//! with the connection.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::StatusCode;
use hyper::body::{Bytes, Frame};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::OwnedSemaphorePermit;

use crate::command::itself;

use super::server::{Answer, Site, text, with_body};
use crate::value::escape::literal;

/// How many questions are answered at once.
pub(super) const QUESTIONS: usize = 4;
/// How many links are captured at once.
pub(super) const CAPTURES: usize = 16;
/// How long an answer may take.
const TIME: Duration = Duration::from_secs(60);
/// How long an answer may be, in bytes.
const LENGTH: u64 = 1 << 20;
/// Between how many a mesh is drawn: it is a ping for each pair.
const MESH: usize = 64;

type Pairs = [(String, String)];

fn value<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    let mut found = pairs.iter().filter(|(key, _)| key == name);
    found.next().map(|(_, value)| value.as_str())
}

fn wrong(why: impl Into<String>) -> Answer {
    text(StatusCode::BAD_REQUEST, why)
}

fn busy() -> Answer {
    text(
        StatusCode::SERVICE_UNAVAILABLE,
        "as much as can be is asked at once: try again when an answer has come",
    )
}

/// A namespace of the picture, as an expression.
fn namespace(site: &Site, name: &str) -> Result<String, String> {
    let seen = site.seen();
    if seen.links.contains_key(name) {
        let is_home = seen.home.as_deref() == Some(name);
        Ok(itself::expression(name, is_home))
    } else {
        Err(format!("there is no namespace `{name}` in the picture"))
    }
}

/// Why `from` reaches `to`, or not.
pub(super) async fn why(site: &Arc<Site>, pairs: &Pairs) -> Answer {
    let (Some(from), Some(to)) = (value(pairs, "from"), value(pairs, "to")) else {
        return wrong("from which namespace, and to where?");
    };
    let to = match to.parse::<IpAddr>() {
        Ok(address) => Ok(literal(&address.to_string())),
        Err(_) => namespace(site, to),
    };
    match (namespace(site, from), to) {
        (Ok(from), Ok(to)) => said(site, &format!("why({from}, {to})")).await,
        (Err(error), _) | (_, Err(error)) => wrong(error),
    }
}

/// Who reaches whom.
pub(super) async fn mesh(site: &Arc<Site>, pairs: &Pairs) -> Answer {
    let names = pairs.iter().filter(|(key, _)| key == "netns");
    let all: Result<Vec<String>, String> = names.map(|(_, name)| namespace(site, name)).collect();
    match all {
        Err(error) => wrong(error),
        Ok(all) if all.len() < 2 => wrong("a mesh takes two namespaces with addresses"),
        Ok(all) if all.len() > MESH => wrong(format!(
            "{} namespaces are more than a mesh is drawn of here, which are {MESH}: `mesh([…])` in a script takes any number",
            all.len()
        )),
        Ok(all) => said(site, &format!("mesh([{}])", all.join(", "))).await,
    }
}

/// What ipvsh prints, of a line that it runs.
async fn said(site: &Site, line: &str) -> Answer {
    let Ok(_permit) = site.questions.try_acquire() else {
        return busy();
    };
    let child = started(itself::saying(line));
    let answer = async {
        let mut child = child?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let ((), (), end) = tokio::join!(
            read(child.stdout.take(), &mut out),
            read(child.stderr.take(), &mut err),
            child.wait(),
        );
        end?;
        out.append(&mut err);
        Ok::<_, io::Error>(String::from_utf8_lossy(&out).into_owned())
    };
    match tokio::time::timeout(TIME, answer).await {
        Ok(Ok(said)) => text(StatusCode::OK, said),
        Ok(Err(error)) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        Err(_) => text(
            StatusCode::GATEWAY_TIMEOUT,
            format!("no answer within {} s", TIME.as_secs()),
        ),
    }
}

/// A process of ipvsh, which ends when it is let go of.
fn started(itself: std::process::Command) -> io::Result<Child> {
    Command::from(itself).kill_on_drop(true).spawn()
}

/// Reads to the end, and keeps the beginning.
async fn read(pipe: Option<impl AsyncRead + Unpin>, to: &mut Vec<u8>) {
    if let Some(mut pipe) = pipe {
        // What was read before an error is what there is.
        let _ = (&mut pipe).take(LENGTH).read_to_end(to).await;
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
}

/// A capture that goes on while somebody reads it.
struct Running {
    packets: ChildStdout,
    _child: Child,
    _permit: OwnedSemaphorePermit,
}

/// The packets of a link, as pcapng, until the connection ends.
pub(super) async fn capture(site: &Arc<Site>, pairs: &Pairs) -> Answer {
    let (Some(netns), Some(link)) = (value(pairs, "netns"), value(pairs, "link")) else {
        return wrong("which link, of which namespace?");
    };
    let known = site.seen();
    if !known
        .links
        .get(netns)
        .is_some_and(|links| links.contains(link))
    {
        return wrong(format!("there is no link `{netns}:{link}` in the picture"));
    }
    let Ok(permit) = site.captures.clone().try_acquire_owned() else {
        return busy();
    };
    match begun(&format!("{netns}:{link}"), permit).await {
        Ok((head, running)) => {
            let rest = stream::unfold((Some(head), running), next);
            with_body(
                "application/x-pcapng",
                BodyExt::boxed(StreamBody::new(rest)),
            )
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// Starts to capture, and waits for the head of the file; the error is what ipvsh says.
async fn begun(link: &str, permit: OwnedSemaphorePermit) -> Result<(Bytes, Running), String> {
    let said = |error: io::Error| error.to_string();
    let mut child = started(itself::asked(&[
        "capture", "--quiet", "-w", "-", "--", link,
    ]))
    .map_err(said)?;
    let mut packets = child.stdout.take().ok_or("it has no output")?;
    let head = chunk(&mut packets).await.map_err(said)?;
    if head.is_empty() {
        let mut why = Vec::new();
        read(child.stderr.take(), &mut why).await;
        return Err(String::from_utf8_lossy(&why).into_owned());
    }
    let running = Running {
        packets,
        _child: child,
        _permit: permit,
    };
    Ok((head, running))
}

/// What has come of it; nothing at the end.
async fn chunk(packets: &mut ChildStdout) -> io::Result<Bytes> {
    let mut bytes = vec![0; 64 << 10];
    let count = packets.read(&mut bytes).await?;
    bytes.truncate(count);
    Ok(bytes.into())
}

type Part = (Option<Bytes>, Running);

async fn next((head, mut running): Part) -> Option<(io::Result<Frame<Bytes>>, Part)> {
    let bytes = match head {
        Some(head) => Ok(head),
        None => chunk(&mut running.packets).await,
    };
    match bytes {
        Ok(bytes) if bytes.is_empty() => None,
        bytes => Some((bytes.map(Frame::data), (None, running))),
    }
}
