//! Who may ask: whoever knows the address that was printed, and no page of another origin in the browser of one who does.

use std::net::SocketAddr;

use hyper::header::{HOST, HeaderName, ORIGIN};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use rand::TryRng;
use rand::rngs::SysRng;

use crate::error::{Error, Kind, Result};

/// Where a browser tells from where it asks: `Sec-Fetch-Site` of the Fetch metadata.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What it asks for: `Sec-Fetch-Mode`.
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Where nobody passes who does not know the token.
#[derive(Debug)]
pub(super) struct Gate {
    token: String,
}

/// What is asked for, of those that passed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way<'a> {
    /// What stands behind the token and its slash.
    Asked(&'a str),
    /// The token alone: where it is to go on, since addresses in the page begin there.
    Slash,
}

/// Why somebody does not pass, and what is said to him.
pub(super) type Refusal = (StatusCode, &'static str);

impl Gate {
    /// One with a token of its own, of 128 random bits.
    pub(super) fn new() -> Result<Self> {
        Ok(Self { token: random()? })
    }

    /// The address to type, of a server that listens there.
    pub(super) fn address(&self, at: SocketAddr) -> String {
        format!("http://{at}/{}/", self.token)
    }

    /// The path of the page, where the token alone was asked for.
    pub(super) fn page(&self) -> String {
        format!("/{}/", self.token)
    }

    /// What is asked for, if it may be.
    pub(super) fn pass<'a>(&self, asked: &'a Parts) -> std::result::Result<Way<'a>, Refusal> {
        let forbidden = |why| Err((StatusCode::FORBIDDEN, why));
        let header = |name: HeaderName| asked.headers.get(name).map(|value| value.to_str());
        let host = match header(HOST) {
            Some(Ok(host)) if is_own(host) => host,
            // A name of somebody else that leads here: the browser would take his page for ours.
            _ => return forbidden("this name is not one of ipvsh"),
        };
        if asked.method != Method::GET {
            return Err((
                StatusCode::METHOD_NOT_ALLOWED,
                "there is nothing to change here",
            ));
        }
        let (way, is_page) = match self.way(asked.uri.path()) {
            Some(Way::Asked(rest)) => (Way::Asked(rest), rest.is_empty()),
            Some(Way::Slash) => (Way::Slash, true),
            None => return forbidden("the address is another: `ipvsh view` prints it"),
        };
        if let Some(origin) = header(ORIGIN)
            && !matches!(origin, Ok(origin) if origin == format!("http://{host}"))
        {
            return forbidden("this is not for pages of others");
        }
        // A link to the page may stand anywhere, such as in a terminal that is a page itself; what it asks for comes from it alone.
        let is_opened = is_page && matches!(header(MODE), Some(Ok("navigate")));
        match header(SITE) {
            None | Some(Ok("same-origin" | "none")) => Ok(way),
            Some(_) if is_opened => Ok(way),
            Some(_) => forbidden("this is not for pages of others"),
        }
    }

    fn way<'a>(&self, path: &'a str) -> Option<Way<'a>> {
        let path = path.strip_prefix('/')?;
        let (token, rest) = match path.split_once('/') {
            Some((token, rest)) => (token, Some(rest)),
            None => (path, None),
        };
        self.is_token(token)
            .then(|| rest.map_or(Way::Slash, Way::Asked))
    }

    /// Takes as long for any token of the length.
    fn is_token(&self, given: &str) -> bool {
        let pairs = self.token.bytes().zip(given.bytes());
        let differ = pairs.fold(0, |differ, (own, given)| differ | (own ^ given));
        given.len() == self.token.len() && differ == 0
    }
}

/// Whether it is a name of this machine for itself, with any port: the way may lead through a tunnel.
fn is_own(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// 128 bits of the kernel's randomness, as hexadecimal digits.
pub(super) fn random() -> Result<String> {
    let mut bytes = [0; 16];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| Error::new(Kind::Kernel, error.to_string()).doing_plain("make a token"))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn asked(method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn gate() -> Gate {
        Gate {
            token: "0123456789abcdef".to_owned(),
        }
    }

    #[test]
    fn who_knows_the_address_passes() {
        let own = ("host", "127.0.0.1:4000");
        for (path, headers, way) in [
            ("/0123456789abcdef/", vec![own], Way::Asked("")),
            ("/0123456789abcdef", vec![own], Way::Slash),
            ("/0123456789abcdef/why?from=a", vec![own], Way::Asked("why")),
            (
                "/0123456789abcdef/news",
                vec![
                    ("host", "localhost:8080"),
                    ("sec-fetch-site", "same-origin"),
                ],
                Way::Asked("news"),
            ),
            (
                "/0123456789abcdef/news",
                vec![own, ("origin", "http://127.0.0.1:4000")],
                Way::Asked("news"),
            ),
            // Opened from a link of another page.
            (
                "/0123456789abcdef/",
                vec![
                    own,
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                ],
                Way::Asked(""),
            ),
            (
                "/0123456789abcdef/",
                vec![("host", "[::1]"), ("sec-fetch-site", "none")],
                Way::Asked(""),
            ),
        ] {
            let asked = asked("GET", path, &headers);
            assert_eq!(gate().pass(&asked), Ok(way), "{path} {headers:?}");
        }
    }

    #[test]
    fn others_do_not() {
        let own = ("host", "127.0.0.1:4000");
        for (method, path, headers, code) in [
            ("GET", "/", vec![own], 403),
            ("GET", "/0123456789abcdee/", vec![own], 403),
            ("GET", "/0123456789abcdef0/", vec![own], 403),
            ("GET", "/0123456789abcde/", vec![own], 403),
            ("GET", "/0123456789abcdef/", vec![], 403),
            (
                "GET",
                "/0123456789abcdef/",
                vec![("host", "evil.example:4000")],
                403,
            ),
            (
                "GET",
                "/0123456789abcdef/",
                vec![("host", "127.0.0.1.evil.example")],
                403,
            ),
            ("POST", "/0123456789abcdef/", vec![own], 405),
            (
                "GET",
                "/0123456789abcdef/news",
                vec![own, ("origin", "http://evil.example")],
                403,
            ),
            (
                "GET",
                "/0123456789abcdef/news",
                vec![own, ("origin", "null")],
                403,
            ),
            (
                "GET",
                "/0123456789abcdef/news",
                vec![own, ("sec-fetch-site", "cross-site")],
                403,
            ),
            (
                "GET",
                "/0123456789abcdef/capture",
                vec![
                    own,
                    ("sec-fetch-site", "same-site"),
                    ("sec-fetch-mode", "navigate"),
                ],
                403,
            ),
        ] {
            let asked = asked(method, path, &headers);
            let refused = gate().pass(&asked).unwrap_err().0;
            assert_eq!(refused.as_u16(), code, "{method} {path} {headers:?}");
        }
    }

    #[test]
    fn each_gate_has_a_token_of_its_own() {
        let (one, other) = (Gate::new().unwrap(), Gate::new().unwrap());
        assert_eq!(one.token.len(), 32);
        assert_ne!(one.token, other.token);
    }
}
