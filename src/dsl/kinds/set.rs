//! Changing the options of a link that is there.

use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::Link;
use crate::dsl::kinds::attributes::Asked;
use crate::dsl::kinds::kind::{self, Kind};
use crate::dsl::kinds::make::{self, COMMON, Common, Request, Wanted};
use crate::dsl::kinds::{bond, wireguard};
use crate::dsl::objects::link;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::schema::{self, Opt, Role};
use crate::value::options::Options;

/// What a link of no kind that is known here can be given: what every link can.
const PLAIN: Kind = Kind {
    word: "link",
    name: "",
    module: "",
    config: "",
    table: &[],
    is_pair: false,
    settings: &[],
    change: kind::Change::Said(&[]),
};

/// What `set` takes of a link of the kind beside what it takes of every link.
fn own_keys(kind: &Kind) -> Vec<&'static str> {
    let rows = kind.table.iter().filter(|row| row.role != Role::Fixed);
    rows.map(|row| row.key).collect()
}

/// The rows of all kinds, for what can be known of a call before the link is.
pub(crate) fn rows() -> Vec<&'static Opt> {
    let rows = kind::all().flat_map(|kind| kind.table);
    rows.filter(|row| row.role != Role::Fixed).collect()
}

fn set(session: &Rc<Session>, link: &Link, options: Map) -> Result<()> {
    let present = link::snapshot(session, link)?;
    let kind = kind::named(&present.kind).unwrap_or(&PLAIN);
    let own = own_keys(kind);
    let common: Vec<&str> = schema::keys(COMMON).collect();
    let mut options = Options::new("set", options, &[&own, &common]).map_err(|error| {
        let what = if present.kind.is_empty() {
            "hardware, or a loopback".to_owned()
        } else {
            format!("of kind {}", present.kind)
        };
        error.note(format!("`{}` is {what}", present.name))
    })?;
    let common = Common::take(&mut options, &own)?;
    if matches!(kind.change, kind::Change::Never(_))
        && let Some(key) = own.iter().find(|key| options.take(key).is_some())
    {
        return Err(make::fixed(kind, &[key]));
    }
    let primary = if kind.word == bond::WORD {
        link::take(&mut options, bond::PRIMARY)?
    } else {
        None
    };
    if kind.word == wireguard::WORD {
        wireguard::set(session, link, &mut options)?;
    }
    let place = link.netns();
    let mut asked = Asked::take(session, &place, kind, &mut options)?;
    for row in kind.table.iter().filter(|row| row.role == Role::Argument) {
        if let Some(given) = options.take(row.key) {
            asked.argument(row.key, given)?;
        }
    }
    let wanted = Wanted {
        kind,
        place: place.clone(),
        name: present.name.parse()?,
        parent: None,
        facts: asked.facts(),
        common,
    };
    let request: Request = asked.request();
    make::change(session, &wanted, &present, &request)?;
    match primary {
        Some(port) => bond::set_primary(session, link, &port),
        None => Ok(()),
    }
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Changes options of a link that is there, in place, and returns the link.
    ///
    /// It takes the options that the word which makes links of this kind takes, what stands there as an argument (`mode`) too, and those of every link.
    /// What is not named stays as it is: ports, addresses and state stay. What the kernel gives a link at its making only is
    /// refused with `unsupported`. What `ip link set LINK type KIND …` does.
    ///
    /// ```rhai
    /// let br = netns("a").bridge("br0");
    /// br.set(#{stp: true, ageing_time: "60s", mtu: 1400}).mtu    // => 1400
    /// ```
    #[rhai_fn(name = "set", return_raw, volatile)]
    pub fn set_(context: NativeCallContext, link: &mut Link, options: Map) -> Answer<Link> {
        answer(&context, |session| {
            super::set(session, link, options).map_err(|error: Error| {
                error.unless_said(|error| {
                    error
                        .doing("set options of link", &link.name())
                        .in_place(link.netns().label())
                })
            })?;
            Ok(link.clone())
        })
    }
}
