//! The addresses of a name, as a namespace resolves it: its `hosts` file, then the name servers of its `resolv.conf`, asked from it.

mod files;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use crate::error::{Error, Kind, Result};
use crate::net::dial;
use crate::net::netns::Netns;

use files::Config;

/// The port of name servers.
const PORT: u16 = 53;

/// What was found of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its addresses, those of IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// The name server that said so; none where the `hosts` file did.
    pub server: Option<IpAddr>,
}

/// What a name server said of one name.
enum Said {
    Addresses(Vec<IpAddr>),
    /// There is no such name, or it has no address of that family.
    Nothing,
}

/// Resolves `name` in `netns`. Fails with `not_found` where it has no address, and with `timeout` or `unreachable` where no name server
/// says so. `server` is asked in place of those of the files.
pub async fn resolve(netns: &Netns, name: &str, server: Option<IpAddr>) -> Result<Found> {
    if let Ok(ip) = name.parse() {
        return Ok(Found {
            addresses: vec![ip],
            server: None,
        });
    }
    let mut config = Config::parse(&files::read(netns, "resolv.conf")?);
    if let Some(server) = server {
        config.servers = vec![server];
    } else {
        let mut addresses = files::hosts(&files::read(netns, "hosts")?, name);
        if addresses.is_empty() && name.eq_ignore_ascii_case("localhost") {
            addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        if !addresses.is_empty() {
            addresses.sort_by_key(IpAddr::is_ipv6);
            return Ok(Found {
                addresses,
                server: None,
            });
        }
    }
    let mut last = None;
    for candidate in config.candidates(name) {
        if let Some(found) = candidate_of(netns, &config, &candidate, &mut last).await? {
            return Ok(found);
        }
    }
    let servers: Vec<String> = config.servers.iter().map(ToString::to_string).collect();
    let servers = servers.join(", ");
    Err(match last {
        None => Error::new(Kind::NotFound, "no name server knows an address of it"),
        Some(error) => Error::new(
            error.kind,
            format!("no name server answers: {}", error.cause),
        ),
    }
    .note(format!("asked: {servers}")))
}

/// Asks the servers for one full name. `last` has the error of a server while none has answered.
async fn candidate_of(
    netns: &Netns,
    config: &Config,
    name: &str,
    last: &mut Option<Error>,
) -> Result<Option<Found>> {
    let wrong = |_| Error::invalid(format!("`{name}` can't be a name"));
    Name::new(name).map_err(wrong)?;
    for _ in 0..config.attempts {
        for server in &config.servers {
            let mut addresses = Vec::new();
            let mut is_answered = true;
            for family in [TYPE::A, TYPE::AAAA] {
                match ask(netns, *server, name, family, config.timeout).await {
                    Ok(Said::Addresses(found)) => addresses.extend(found),
                    Ok(Said::Nothing) => {}
                    Err(error) => {
                        is_answered = !addresses.is_empty();
                        last.get_or_insert(error);
                        break;
                    }
                }
            }
            if is_answered {
                *last = None;
                return Ok((!addresses.is_empty()).then_some(Found {
                    addresses,
                    server: Some(*server),
                }));
            }
        }
    }
    Ok(None)
}

/// Asks one server for the addresses of one family.
async fn ask(
    netns: &Netns,
    server: IpAddr,
    name: &str,
    family: TYPE,
    limit: Duration,
) -> Result<Said> {
    let wrong = |_| Error::invalid(format!("`{name}` can't be a name"));
    let to = SocketAddr::new(server, PORT);
    let id = SysRng.try_next_u32().unwrap_or_default();
    let id = u16::try_from(id & 0xffff).unwrap_or_default();
    let mut question = Packet::new_query(id);
    question.set_flags(PacketFlag::RECURSION_DESIRED);
    let asked = Name::new(name).map_err(wrong)?;
    let asked = Question::new(asked, family.into(), CLASS::IN.into(), false);
    question.questions.push(asked);
    let question = question.build_bytes_vec().map_err(wrong)?;
    let talk = async {
        let answer = by_datagram(netns, to, id, &question).await?;
        if let Some(said) = read(&answer, id)? {
            return Ok(said);
        }
        // It was too long for a datagram.
        let answer = by_stream(netns, to, &question, limit).await?;
        let said = read(&answer, id)?;
        said.ok_or_else(|| broken(server, "its answer is cut off"))
    };
    match tokio::time::timeout(limit, talk).await {
        Ok(said) => said.map_err(|error| {
            let cause = format!("{server}: {}", error.cause);
            error.cause(cause)
        }),
        Err(_) => Err(Error::new(
            Kind::Timeout,
            format!(
                "{server} did not answer within {}",
                crate::value::duration::print(limit)
            ),
        )),
    }
}

fn broken(server: IpAddr, why: &str) -> Error {
    Error::new(Kind::Unreachable, format!("{server}: {why}"))
}

async fn by_datagram(netns: &Netns, to: SocketAddr, id: u16, question: &[u8]) -> Result<Vec<u8>> {
    let socket = netns.within(|| {
        let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        Ok::<_, io::Error>(socket)
    })??;
    let unreached = |error: io::Error| {
        let mut told = Error::io(&error);
        told.hint = None;
        told.kind(Kind::Unreachable)
    };
    socket.connect(&to.into()).map_err(unreached)?;
    let socket = UdpSocket::from_std(socket.into())?;
    socket.send(question).await.map_err(unreached)?;
    let mut answer = vec![0; 1 << 16];
    loop {
        let bytes = socket.recv(&mut answer).await.map_err(unreached)?;
        // Anything else answers another question.
        if answer.get(..2) == Some(&id.to_be_bytes()[..]) {
            answer.truncate(bytes);
            return Ok(answer);
        }
    }
}

async fn by_stream(
    netns: &Netns,
    to: SocketAddr,
    question: &[u8],
    limit: Duration,
) -> Result<Vec<u8>> {
    let mut stream = dial::connect(netns, to, limit).await?.into_stream();
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(question).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// Reads an answer; none where it is cut off.
fn read(answer: &[u8], id: u16) -> Result<Option<Said>> {
    let wrong = || Error::new(Kind::Unreachable, "what it answers is no answer of DNS");
    let packet = Packet::parse(answer).map_err(|_| wrong())?;
    if packet.id() != id {
        return Err(wrong());
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Ok(None);
    }
    match packet.rcode() {
        RCODE::NoError | RCODE::NameError => {}
        other => {
            return Err(Error::new(
                Kind::Unreachable,
                format!("it refuses the question ({other:?})"),
            ));
        }
    }
    let addresses = packet.answers.iter().filter_map(|one| match &one.rdata {
        RData::A(ip) => Some(IpAddr::from(Ipv4Addr::from(ip.address))),
        RData::AAAA(ip) => Some(IpAddr::from(Ipv6Addr::from(ip.address))),
        _ => None,
    });
    let addresses: Vec<IpAddr> = addresses.collect();
    Ok(Some(if addresses.is_empty() {
        Said::Nothing
    } else {
        Said::Addresses(addresses)
    }))
}
