//! Flapping: a link that goes down and comes up again, over and over.

use std::rc::Rc;
use std::time::Duration;

use rhai::Map;
use rhai::plugin::{NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::link::{set_up, snapshot};
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::schema::{self, Form, Opt, Quantity, Wire};

const TIME: Form = Form::Quantity(Quantity::Duration);

const DOWN: Opt = Opt::new("down", TIME, "how long it is down each time").default("1s");
const UP: Opt = Opt::new("up", TIME, "how long it is up before it goes down again").default("1s");
const COUNT: Opt =
    Opt::number("count", Wire::None, (1, 1000), "how often it goes down").default("3");

/// What flapping can be told.
pub(crate) const ROWS: &[Opt] = &[DOWN, UP, COUNT];

fn flap(session: &Rc<Session>, link: &Link, options: Map) -> Result<()> {
    let place = link.netns();
    let context = |error: Error| {
        error.unless_said(|error| error.doing("flap link", &link.name()).within(place.label()))
    };
    let options = &mut schema::options("flap", options, &[ROWS]).map_err(context)?;
    let second = Duration::from_secs(1);
    let down = DOWN
        .take_duration(options)
        .map_err(context)?
        .unwrap_or(second);
    let up = UP
        .take_duration(options)
        .map_err(context)?
        .unwrap_or(second);
    let count: u32 = COUNT.take_number(options).map_err(context)?.unwrap_or(3);
    if !snapshot(session, link)?.up {
        return Err(context(
            Error::invalid("it is down already").hint("bring it up first: link.up()"),
        ));
    }
    if session
        .lab()
        .would_test(&Netns(place.clone()), ("flap", link.name()))
    {
        return Ok(());
    }
    let pause = |time| session.wait_or_interrupt(async move { tokio::time::sleep(time).await });
    for number in 0..count {
        if number > 0 {
            pause(up)?;
        }
        set_up(session, link, false)?;
        pause(down)?;
        set_up(session, link, true)?;
    }
    Ok(())
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Brings the link down for a second and up again, three times with a second between, and returns it.
    ///
    /// The script waits meanwhile; what it has spawned goes on. The kernel takes the link's routes and its addresses of IPv6 away with
    /// the first time, as with `down`.
    ///
    /// ```rhai,no_run
    /// let pings = netns("a").spawn("ping 10.0.0.2");
    /// netns("a").link("to-b").flap();
    /// ```
    #[rhai_fn(name = "flap", return_raw, volatile)]
    pub fn flap_(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        flap_with(context, link, Map::new())
    }

    /// The same with options: how long it is `down` ("1s") and `up` ("1s") each time, and `count` (3), how often it goes down.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", netns("b"), "v1", #{up: true});
    /// v.peer.up();
    /// v.flap(#{down: "5ms", up: "5ms", count: 2}).is_up    // => true
    /// ```
    #[rhai_fn(name = "flap", return_raw, volatile)]
    pub fn flap_with(context: NativeCallContext, link: &mut Link, options: Map) -> Answer<Link> {
        answer(&context, |session| {
            super::flap(session, link, options)?;
            Ok(link.clone())
        })
    }
}
