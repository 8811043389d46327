//! `ipvsh view`: what a browser shows, and who is let in.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::case::cases;
use crate::lab::{Lab, finish};
use crate::process::until;

cases! {
    ["browser", "veth"] =>
        the_page_shows_what_stands_and_what_happens;
    ["veth"] =>
        the_news_are_told_as_they_happen
        a_link_is_captured_while_somebody_reads
        who_does_not_know_the_address_is_refused
        what_is_asked_is_answered_of_the_picture_alone
        the_host_in_the_picture_is_asked_of_as_such
        what_is_gone_and_comes_back_is_told;
    [] =>
        an_address_that_is_taken_is_told;
}

/// Two namespaces and a router between them.
const LAB: &str = r#"
let r = netns("r");
r.forward();
for name in ["a", "b"] {
    let net = if name == "a" { 1 } else { 2 };
    let cable = netns(name).veth("e0", r, `to-${name}`, #{addr: `10.0.${net}.2/24`, up: true});
    cable.peer.addr(`10.0.${net}.1/24`).up();
    cable.route("default", #{via: `10.0.${net}.1`});
}
"#;

/// A page that is served.
struct View {
    process: Child,
    /// Where: `127.0.0.1:4000`.
    server: String,
    /// What stands behind it: `/TOKEN/`.
    path: String,
}

impl View {
    fn start(lab: &Lab, arguments: &[&str]) -> Self {
        lab.ip("link set lo up");
        let mut process = lab.start(&[&["view"], arguments].concat());
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let rest = line.trim_end().strip_prefix("http://").unwrap_or_default();
        let Some((server, path)) = rest.split_once('/') else {
            panic!("{line:?} {}", finish(process).stderr);
        };
        Self {
            process,
            server: server.to_owned(),
            path: format!("/{path}"),
        }
    }

    fn address(&self) -> String {
        format!("http://{}{}", self.server, self.path)
    }

    /// Asks for what stands behind the address, and leaves the answer to be read.
    fn asks(&self, what: &str) -> BufReader<TcpStream> {
        self.sends(&format!(
            "GET {}{what} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.path, self.server
        ))
    }

    fn sends(&self, text: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.server).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        BufReader::new(stream)
    }

    /// The code and the body of an answer.
    fn answer(&self, what: &str) -> (u16, String) {
        whole(self.asks(what))
    }

    /// Ends it as Ctrl-C does.
    fn end(self) -> String {
        kill(
            Pid::from_raw(self.process.id().cast_signed()),
            Signal::SIGINT,
        )
        .unwrap();
        finish(self.process).end()
    }
}

fn whole(mut answer: BufReader<TcpStream>) -> (u16, String) {
    let mut text = String::new();
    answer.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap();
    (code.parse().unwrap(), body.to_owned())
}

/// The next event: its kind, and what it says.
#[track_caller]
fn next(news: &mut BufReader<TcpStream>) -> (String, Value) {
    let mut kind = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(news.read_line(&mut line).unwrap(), 0, "the news have ended");
        if let Some(told) = line.strip_prefix("event: ") {
            told.trim_end().clone_into(&mut kind);
        }
        if let Some(data) = line.strip_prefix("data: ") {
            return (kind, serde_json::from_str(data).unwrap());
        }
    }
}

/// Waits for an event for which `is_wanted` is true.
#[track_caller]
fn event(news: &mut BufReader<TcpStream>, kind: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let (told, value) = next(news);
        if told == kind && is_wanted(&value) {
            return value;
        }
    }
}

fn the_page_shows_what_stands_and_what_happens(lab: &Lab) {
    lab.run(LAB);
    let view = View::start(lab, &["lab"]);
    let mut browser = Browser::start(lab.folder());
    browser.open(&view.address());
    browser.wait("document.readyState === 'complete' && document.querySelector('#status').dataset.state === 'live'");
    // A click shows what is behind a namespace.
    browser.click(".ns[data-ns=a] text");
    let part = "[...document.querySelectorAll('#details h3')].find(one => one.textContent === 'Addresses').nextSibling.textContent";
    let addresses = browser.value(part);
    assert!(
        addresses.as_str().unwrap().contains("10.0.1.2/24 on e0"),
        "{addresses}"
    );
    // A link that goes down turns red.
    let down = "[...document.querySelectorAll('path.cable.down')].map(one => one.dataset.from)";
    browser.wait(&format!("{down}.length === 0"));
    lab.ip_in("r", "link set to-b down");
    browser.wait(&format!("{down}.includes('b:e0')"));
    let red = browser.value("getComputedStyle(document.querySelector('path.cable.down')).stroke");
    assert_eq!(red, "rgb(207, 34, 46)");
    // Why, between two that are clicked.
    browser.click("#why input");
    browser.click(".ns[data-ns=b] text");
    browser.wait("(document.querySelector('#answer pre')?.textContent ?? '').includes('mend')");
    let answer = browser.value("document.querySelector('#answer').textContent");
    let answer = answer.as_str().unwrap();
    assert!(
        answer.contains("link r:to-b is down") || answer.contains("to-b"),
        "{answer}"
    );
    // What passes a link is counted, and captured.
    browser.click("#traffic tr[data-link='a:e0'] button");
    let pings = lab.ipvsh(&["-q", "-e", "netns(\"a\").ping(\"10.0.1.1\", 3)"]);
    assert_eq!(pings.code, 0, "{}", pings.stderr);
    browser.wait("(captures.get('a:e0')?.bytes ?? 0) > 600");
    browser.wait("flows.get('a:e0')?.past.some(bits => bits > 0)");
    browser.click("#traffic tr[data-link='a:e0'] button");
    browser.wait("captures.size === 0");
    // What was chosen stays, the log has what happened, and nothing was complained of.
    assert_eq!(browser.value("chosen"), "a");
    browser.wait("document.querySelector('#events').textContent.includes('r: link to-b changed: veth DOWN mtu 1500')");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    assert_eq!(
        view.end(),
        "exit code 130\nopen it in a browser; Ctrl-C ends it\n"
    );
}

fn the_news_are_told_as_they_happen(lab: &Lab) {
    lab.run(LAB);
    let view = View::start(lab, &["a", "r"]);
    let mut news = view.asks("news");
    let names = |graph: &Value| -> Vec<Value> {
        let all = graph["lab"]["namespaces"].as_array().unwrap().iter();
        all.map(|one| one["name"].clone()).collect()
    };
    let stands = |graph: &Value| graph["lab"] == view_of(lab, &["a", "r"]);
    let first = event(&mut news, "graph", stands);
    assert_eq!(names(&first), ["a", "r"]);
    event(&mut news, "flows", |_| true);
    lab.ip_in("a", "link add v0 type veth peer name v1");
    // In either order: the kernel tells of one end after the other, and it may be drawn in between.
    let (mut is_told, mut is_drawn) = (false, false);
    while !is_told || !is_drawn {
        let (kind, value) = next(&mut news);
        is_told |= kind == "event" && value == json!("a: link v0 new: veth DOWN mtu 1500");
        is_drawn |=
            kind == "graph" && value["folded"].as_str().unwrap().contains("a:v0") && stands(&value);
    }
    assert_eq!(
        view.end(),
        "exit code 130\nopen it in a browser; Ctrl-C ends it\n"
    );
}

/// What `ipvsh graph` says of them.
fn view_of(lab: &Lab, names: &[&str]) -> Value {
    let drawn = lab.ipvsh(&[&["graph", "--form", "json"], names].concat());
    serde_json::from_str(&drawn.stdout).unwrap()
}

fn a_link_is_captured_while_somebody_reads(lab: &Lab) {
    lab.run(LAB);
    let view = View::start(lab, &["lab"]);
    let mut packets = view.asks("capture?netns=a&link=e0");
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        packets.read_line(&mut line).unwrap();
    }
    // The first block of a file of pcapng, in a chunk of HTTP.
    packets.read_line(&mut line).unwrap();
    let mut head = [0; 4];
    packets.read_exact(&mut head).unwrap();
    assert_eq!(head, [0x0a, 0x0d, 0x0d, 0x0a]);
    let children = || {
        let parent = view.process.id().to_string();
        crate::common::output("sh", &["-c", "pgrep -c -P \"$0\" || true", &parent])
    };
    assert_eq!(children(), "1\n");
    drop(packets);
    until(|| children() == "0\n");
    view.end();
}

fn who_does_not_know_the_address_is_refused(lab: &Lab) {
    lab.run(LAB);
    let view = View::start(lab, &["lab"]);
    let (server, path) = (&view.server, &view.path);
    let code = |text: &str| whole(view.sends(text)).0;
    let close = "Connection: close\r\n\r\n";
    assert_eq!(view.answer("").0, 200);
    for (text, wanted) in [
        (format!("GET / HTTP/1.1\r\nHost: {server}\r\n{close}"), 403),
        (
            format!("GET /0{path} HTTP/1.1\r\nHost: {server}\r\n{close}"),
            403,
        ),
        (
            format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n{close}"),
            403,
        ),
        (
            format!(
                "GET {path}news HTTP/1.1\r\nHost: {server}\r\nOrigin: http://evil.example\r\n{close}"
            ),
            403,
        ),
        (
            format!(
                "GET {path}news HTTP/1.1\r\nHost: {server}\r\nSec-Fetch-Site: cross-site\r\n{close}"
            ),
            403,
        ),
        (
            format!("POST {path} HTTP/1.1\r\nHost: {server}\r\nContent-Length: 0\r\n{close}"),
            405,
        ),
        (
            format!("GET {path}../etc HTTP/1.1\r\nHost: {server}\r\n{close}"),
            404,
        ),
        (
            format!(
                "GET {path} HTTP/1.1\r\nHost: {server}\r\nX: {}\r\n{close}",
                "x".repeat(20_000)
            ),
            431,
        ),
    ] {
        assert_eq!(code(&text), wanted, "{}", &text[..text.len().min(200)]);
    }
    // Nobody but this machine is listened to.
    assert!(server.starts_with("127.0.0.1:"), "{server}");
    // A flood: those that come on top are closed at once, and it goes on behind it.
    let flood: Vec<_> = (0..80)
        .map(|_| TcpStream::connect(server).unwrap())
        .collect();
    let mut closed = 0;
    for mut stream in flood {
        stream
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        closed += usize::from(matches!(stream.read(&mut [0; 1]), Ok(0)));
    }
    assert!(closed >= 16, "{closed}");
    until(|| {
        let mut answer = view.asks("");
        answer.fill_buf().is_ok_and(|answer| !answer.is_empty())
    });
    view.end();
}

fn the_host_in_the_picture_is_asked_of_as_such(lab: &Lab) {
    lab.script_with(
        &["--quiet"],
        r#"host().veth("h0", netns("a"), "e0", #{addr: "10.0.9.1/24", up: true});
        netns("a").link("e0").addr("10.0.9.2/24").up().wait_up();"#,
    );
    // Those of the lab, which that namespace is one of.
    let view = View::start(lab, &["lab"]);
    for asked in ["why?from=host&to=a", "why?from=a&to=host"] {
        let (code, said) = view.answer(asked);
        assert!(code == 200 && said.contains("✔ answers"), "{asked}: {said}");
    }
    let (_, said) = view.answer("mesh?netns=a&netns=host");
    assert!(said.contains("2 of 2 pairs reach each other"), "{said}");
    view.end();
}

fn what_is_asked_is_answered_of_the_picture_alone(lab: &Lab) {
    lab.run(LAB);
    let view = View::start(lab, &["a", "b"]);
    let (code, said) = view.answer("why?from=a&to=b");
    assert_eq!(code, 200);
    assert!(said.contains("10.0.2.2  ✔ answers"), "{said}");
    let (_, said) = view.answer("why?from=a&to=10.0.2.1");
    assert!(said.contains("why: a → 10.0.2.1"), "{said}");
    let (_, said) = view.answer("mesh?netns=a&netns=b");
    assert!(said.contains("2 of 2 pairs reach each other"), "{said}");
    for (asked, why) in [
        (
            "why?from=a&to=r",
            "there is no namespace `r` in the picture",
        ),
        (
            "why?from=%22);exec(%22id&to=b",
            "there is no namespace `\");exec(\"id` in the picture",
        ),
        ("why?from=a", "from which namespace, and to where?"),
        ("mesh?netns=a", "a mesh takes two namespaces with addresses"),
        (
            "capture?netns=r&link=to-a",
            "there is no link `r:to-a` in the picture",
        ),
        ("capture?netns=a", "which link, of which namespace?"),
    ] {
        assert_eq!(view.answer(asked), (400, why.to_owned()), "{asked}");
    }
    view.end();
}

fn what_is_gone_and_comes_back_is_told(lab: &Lab) {
    lab.run(LAB);
    let view = View::start(lab, &["lab"]);
    let mut news = view.asks("news");
    event(&mut news, "graph", |graph| {
        graph["lab"]["cables"][1].is_object()
    });
    let down = lab.ipvsh(&["-q", "down", "lab"]);
    assert_eq!(down.end(), "exit code 0\n");
    event(&mut news, "note", |_| true);
    // What looks keeps nothing: the same can be made again at once.
    lab.run(LAB);
    event(&mut news, "graph", |graph| {
        graph["lab"]["cables"][1].is_object()
    });
    assert_eq!(
        view.end(),
        "exit code 130\nopen it in a browser; Ctrl-C ends it\n\
         what is viewed is gone; the page waits for it to come back\n"
    );
    let absent = lab.ipvsh(&["view", "nosuch"]);
    assert_eq!(
        absent.end(),
        "exit code 1\nerror: there is no lab and no namespace `nosuch`\nhint: `ipvsh ls` lists the labs, `ip netns` the namespaces\n"
    );
}

fn an_address_that_is_taken_is_told(lab: &Lab) {
    lab.ip("link set lo up");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let refused = lab.ipvsh(&["view", "--port", &port.to_string()]);
    assert_eq!(
        refused.end(),
        format!(
            "exit code 1\nerror: cannot listen on `127.0.0.1:{port}`: address already in use\n\
             hint: leave --port out for a port of the system's choosing\n"
        )
    );
}
