//! Quick checks and tiny servers, against clients and servers of the test's own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

use crate::case::cases;
use crate::lab::{Lab, TWO, two};

cases! {
    ["veth"] =>
        a_server_answers_whoever_connects_and_goes_with_the_run
        a_namespace_with_a_server_goes_when_it_is_deleted
        a_page_comes_with_its_headers_however_it_is_sent
        a_name_is_resolved_by_the_files_of_the_namespace
        what_is_not_there_is_told_with_what_to_type
        a_plan_connects_to_nobody;
}

fn a_server_answers_whoever_connects_and_goes_with_the_run(lab: &Lab) {
    lab.run(TWO);
    std::fs::write(
        lab.folder().join("x.rhai"),
        r#"let b = existing("b");
           let all = [b.listen(7), b.listen(80, #{http: "it works"}), b.listen(13, #{text: "now\n", address: "10.0.0.2"}), b.listen(7, #{proto: "udp"})];
           print("here");
           wait_for(|| all.all(|one| one.served > 0), "20s");"#,
    )
    .unwrap();
    let mut run = lab.start(&["x.rhai"]);
    let mut here = [0; 5];
    run.stdout.as_mut().unwrap().read_exact(&mut here).unwrap();
    let connect = |to: &str| lab.in_netns("a", || TcpStream::connect(to)).unwrap();
    let mut echo = connect("[fd00::2]:7");
    let sent: Vec<u8> = (0..200_000_u32)
        .map(|number| number.to_le_bytes()[0])
        .collect();
    let mut came = Vec::new();
    std::thread::scope(|threads| {
        let mut writer = echo.try_clone().unwrap();
        let sent = &sent;
        threads.spawn(move || {
            writer.write_all(sent).unwrap();
            writer.shutdown(std::net::Shutdown::Write).unwrap();
        });
        echo.read_to_end(&mut came).unwrap();
    });
    assert!(came == sent, "{} bytes of {}", came.len(), sent.len());
    let said = |to: &str, ask: &str| {
        let mut stream = connect(to);
        stream.write_all(ask.as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 8\r\nConnection: close\r\n\r\n";
    assert_eq!(
        said("10.0.0.2:80", "GET / HTTP/1.1\r\nHost: b\r\n\r\n"),
        format!("{head}it works")
    );
    assert_eq!(said("10.0.0.2:80", "HEAD / HTTP/1.1\r\n\r\n"), head);
    assert_eq!(said("10.0.0.2:13", ""), "now\n");
    let datagrams = lab.in_netns("a", || UdpSocket::bind("10.0.0.1:0")).unwrap();
    datagrams.send_to(b"x", "10.0.0.2:7").unwrap();
    let mut back = [0; 9];
    assert_eq!(datagrams.recv(&mut back).unwrap(), 1);
    let ended = crate::lab::finish(run);
    assert_eq!(ended.end(), "exit code 0\n");
    let left = lab.in_netns("a", || TcpStream::connect("10.0.0.2:80"));
    assert_eq!(
        left.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
}

fn a_namespace_with_a_server_goes_when_it_is_deleted(lab: &Lab) {
    let printed = lab.run(&two(r#"let s = b.listen(80);
           b.delete();
           print(s.running);
           wait_for(|| a.links.len() == 1, "20s");
           print(a.links.map(|l| l.name));"#));
    assert_eq!(printed, "false\n[\"lo\"]\n");
}

fn a_page_comes_with_its_headers_however_it_is_sent(lab: &Lab) {
    lab.run(TWO);
    let answers = [
        "HTTP/1.1 200 OK\r\nA: b\r\nA: c\r\nContent-Length: 5\r\n\r\nhello and more",
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        "SSH-2.0-x\r\n",
        "",
    ];
    let listener = lab
        .in_netns("b", || TcpListener::bind("[fd00::2]:8080"))
        .unwrap();
    let serves = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let bytes = stream.read(&mut request).unwrap();
            assert!(
                request[..bytes].starts_with(b"GET /x?y HTTP/1.1\r\nHost: [fd00::2]:8080\r\n"),
                "{}",
                String::from_utf8_lossy(&request[..bytes])
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let found = lab.run(
        r#"for number in 0..7 {
               try {
                   let p = existing("a").http("http://[fd00::2]:8080/x?y");
                   print(`${p.status} ${p.reason} ${p.headers} ${p.body}`);
               } catch (e) { print(`${e.kind}: ${e.message}`); }
           }"#,
    );
    serves.join().unwrap();
    let cannot = "unreachable: cannot get `http://[fd00::2]:8080/x?y` in namespace `a`: no answer of HTTP came:";
    assert_eq!(
        found,
        format!(
            "200 OK #{{\"a\": \"b, c\", \"content-length\": \"5\"}} hello
404 Not Found #{{\"transfer-encoding\": \"chunked\"}} hello
200 OK #{{}} hello
204 No Content #{{}} 
{cannot} it ends before it is whole
{cannot} invalid HTTP version
{cannot} the connection was closed without one
"
        )
    );
}

/// Answers as many questions of DNS: `web.lab.test` has an address of IPv4, nothing else has any.
fn answer_names(server: &UdpSocket, count: usize) {
    for _ in 0..count {
        let mut question = [0; 512];
        let (bytes, from) = server.recv_from(&mut question).unwrap();
        let question = &question[..bytes];
        let is_known = question[12..].starts_with(b"\x03web\x03lab\x04test\0\0\x01");
        let mut answer = question.to_vec();
        answer[2] = 0x81;
        answer[3] = if is_known { 0x80 } else { 0x83 };
        answer[7] = u8::from(is_known);
        if is_known {
            answer.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\x09\x09\x09");
        }
        server.send_to(&answer, from).unwrap();
    }
}

fn a_name_is_resolved_by_the_files_of_the_namespace(lab: &Lab) {
    lab.run(TWO);
    lab.copy_etc();
    std::fs::create_dir_all("/etc/netns/a").unwrap();
    std::fs::write(
        "/etc/netns/a/resolv.conf",
        "nameserver 10.0.0.2\nsearch lab.test\n",
    )
    .unwrap();
    std::fs::write("/etc/netns/a/hosts", "10.7.7.7 near\nfd00::7 near\n").unwrap();
    let socket = lab
        .in_netns("b", || UdpSocket::bind("10.0.0.2:53"))
        .unwrap();
    // Of `web` both families with the suffix; of `nobody` both, with it and without.
    let serves = std::thread::spawn(move || answer_names(&socket, 6));
    let found = lab.run(
        r#"let a = existing("a");
           print([a.resolve("near"), a.resolve("web"), a.resolve("10.0.0.7")]);
           try { a.resolve("nobody"); } catch (e) { print(`${e.kind}: ${e.message} ${e.notes}`); }"#,
    );
    serves.join().unwrap();
    assert_eq!(
        found,
        "[[\"10.7.7.7\", \"fd00::7\"], [\"10.9.9.9\"], [\"10.0.0.7\"]]
not_found: cannot resolve `nobody` in namespace `a`: no name server knows an address of it [\"asked: 10.0.0.2\"]
"
    );
}

fn what_is_not_there_is_told_with_what_to_type(lab: &Lab) {
    lab.run(&two("a.listen(0); b.link(\"lo\").up();"));
    let _taken = lab
        .in_netns("a", || TcpListener::bind("10.0.0.1:80"))
        .unwrap();
    let caught = lab.caught(
        "existing(\"a\")",
        &[
            "listen(80)",
            "listen(81, #{address: \"10.0.0.9\"})",
            "listen(70000)",
            "listen(81, #{text: \"x\", http: \"y\"})",
            "listen(81, #{proto: \"udp\", text: \"x\"})",
            "tcp(\"10.0.0.2:9\")",
            "tcp(\"b:9\")",
            "tcp(\"10.0.0.2\")",
            "tcp(\"10.9.9.9:80\")",
            "http(\"https://10.0.0.2/\")",
            "http(\"10.0.0.2\")",
            "resolve(\"x.test.\", #{server: \"10.0.0.2\"})",
            "resolve(\"a b\")",
        ],
    );
    assert_eq!(
        caught,
        r#"busy: cannot listen on port `80` in namespace `a`: something listens there already, on 10.0.0.1
  hint: take another port; 0 is a free one, and .port says which
not_found: cannot listen on port `81` in namespace `a`: namespace `a` has no address 10.0.0.9
  hint: give it to a link of the namespace first, or leave `address` out
invalid: cannot listen on port `70000` in namespace `a`: `port` is 0 to 65535, not 70000
invalid: cannot listen on port `81` in namespace `a`: `text` and `http` both say what is answered
  hint: give the one or the other
invalid: cannot listen on port `81` in namespace `a`: what comes by UDP is sent back
  hint: leave out what is to be answered, or give proto: "tcp"
unreachable: cannot connect to `10.0.0.2:9` in namespace `a`: nothing listens on port 9 of 10.0.0.2, or a filter refuses it
  hint: have something listen there: net.listen(9)
unreachable: cannot connect to `b:9` in namespace `a`: nothing listens on port 9 of 10.0.0.2, or a filter refuses it
  hint: have something listen there: net.listen(9)
invalid: cannot connect to `10.0.0.2` in namespace `a`: an address and a port are wanted, with a colon between them
  hint: write for example "10.0.0.2:80" or "[fd00::2]:80"
unreachable: cannot connect to `10.9.9.9:80` in namespace `a`: network is unreachable
  cause: no namespace here has the address `10.9.9.9`; a has no route to 10.9.9.9
  hint: list those that there are: tree()
unsupported: cannot get `https://10.0.0.2/` in namespace `a`: pages of https are not asked for
  hint: take `exec` with `curl` for it
invalid: cannot get `10.0.0.2` in namespace `a`: it does not begin with http://
  hint: write for example "http://10.0.0.2/" or "http://[fd00::2]:8080/x"
unreachable: cannot resolve `x.test.` in namespace `a`: no name server answers: 10.0.0.2: connection refused
  asked: 10.0.0.2
invalid: cannot resolve `a b` in namespace `a`: `a b` can't be a name
"#
    );
}

fn a_plan_connects_to_nobody(lab: &Lab) {
    std::fs::write(
        lab.folder().join("lab.rhai"),
        r#"let a = netns("a");
           let s = a.listen(80, #{http: "x"});
           a.tcp("10.0.0.2:80");
           assert(a.http("http://10.0.0.2/").status == 200, "hoped");
           a.resolve("x");
           s.close();"#,
    )
    .unwrap();
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(
        plan.stdout,
        "+ namespace a
? listen    tcp port 80 in a
? tcp       10.0.0.2:80 in a
? http      http://10.0.0.2/ in a
? resolve   x in a
a run would create 1, test 4
"
    );
}
