//! Expectations of values, errors and whole states, and what a test needs or is left out for.

use std::rc::Rc;

use rhai::plugin::{Dynamic, EvalAltResult, NativeCallContext, export_module};
use rhai::{FnPtr, Map};
use rtnetlink::packet_route::link::InfoKind;

use crate::dsl::handle::Netns;
use crate::dsl::kinds::kind;
use crate::dsl::objects::link;
use crate::dsl::script::print;
use crate::dsl::session::{LeftOut, Tests};
use crate::dsl::{Answer, Session, answer};
use crate::error::{self, Error, Result};
use crate::lab::Object;
use crate::net::driver;
use crate::value::choice::choose;
use crate::value::mac;
use crate::view::difference;

/// How many differences an error lists.
const SHOWN: usize = 12;
/// How long a value may be that an error shows whole.
const WHOLE: usize = 120;

/// Fails unless `got` is `wanted`. A plan does not know it where something was to be tried.
fn same(session: &Rc<Session>, got: &Dynamic, wanted: &Dynamic, what: &str) -> Result<()> {
    let (got, wanted) = (
        print::value(Some(session), got),
        print::value(Some(session), wanted),
    );
    let differences = difference::between(&got.to_json(), &wanted.to_json());
    if differences.is_empty() {
        return Ok(());
    }
    if session.lab().counts().tests > 0 {
        let here = Netns(session.here()?);
        session
            .lab()
            .would_test(&here, Object::test("expect", what));
        return Ok(());
    }
    let mut error = Error::new(error::Kind::Assertion, format!("{what} is not as expected"));
    let (got, wanted) = (got.literal(), wanted.literal());
    let is_short = got.chars().count().max(wanted.chars().count()) <= WHOLE;
    if is_short {
        error = error
            .note(format!("expected: {wanted}"))
            .note(format!("got:      {got}"));
    }
    // Of two plain values they say nothing more.
    if !is_short || differences.iter().any(|line| line.starts_with(['.', '['])) {
        let more = differences.len().saturating_sub(SHOWN);
        for line in differences.into_iter().take(SHOWN) {
            error = error.note(format!("differs: {line}"));
        }
        if more > 0 {
            error = error.note(format!("… and in {more} places more"));
        }
    }
    Err(error)
}

/// What an error that was thrown says of itself.
fn thrown(error: &EvalAltResult) -> Option<Map> {
    let EvalAltResult::ErrorRuntime(value, _) = error.unwrap_inner() else {
        return None;
    };
    Some(value.read_lock::<Map>()?.clone())
}

fn text(map: &Map, key: &str) -> Option<String> {
    let value = map.get(key)?;
    Some(value.as_immutable_string_ref().ok()?.to_string())
}

/// Whether the error is how the run is ended, which is no error of what was called.
fn ends_the_run(error: &EvalAltResult) -> bool {
    matches!(
        error.unwrap_inner(),
        EvalAltResult::Exit(..) | EvalAltResult::ErrorTerminated(..)
    )
}

/// Calls `action`, which is to fail with an error of the kind `wanted`, or any where none is given.
fn fails(context: &NativeCallContext, action: &FnPtr, wanted: Option<&str>) -> Answer<Map> {
    let wanted = answer(context, |_| {
        let known = error::Kind::ALL.map(|kind| (kind.name(), kind));
        let wanted = wanted.map(|name| choose("an error", "kind", name, &known));
        wanted.transpose()
    })?;
    let called = action.call_within_context::<Dynamic>(context, ());
    let kind = wanted.map_or(String::new(), |kind| format!(" of kind `{}`", kind.name()));
    match called {
        Ok(_) => answer(context, |session| {
            if session.lab().plans() {
                return Ok(Map::new());
            }
            Err(Error::new(
                error::Kind::Assertion,
                format!("nothing failed, where an error{kind} is expected"),
            ))
        }),
        Err(error) if ends_the_run(&error) => Err(error),
        Err(error) => {
            let Some(map) = thrown(&error) else {
                // A mistake of the script, or a plain text that it threw itself.
                if wanted.is_none()
                    && matches!(error.unwrap_inner(), EvalAltResult::ErrorRuntime(..))
                {
                    return Ok(Map::from([("message".into(), error.to_string().into())]));
                }
                return Err(error);
            };
            let came = text(&map, "kind").unwrap_or_default();
            if wanted.is_none_or(|wanted| wanted.name() == came) {
                return Ok(map);
            }
            answer(context, |_| {
                let message = text(&map, "message").unwrap_or_default();
                Err(Error::new(
                    error::Kind::Assertion,
                    format!(
                        "it failed with an error of kind `{came}`, where one{kind} is expected"
                    ),
                )
                .note(format!("it said: {message}")))
            })
        }
    }
}

/// The lines of a list that the namespace has. What the kernel makes by itself of link-local IPv6, at a moment of its own, is left
/// out.
fn lines(context: &NativeCallContext, net: &Netns, property: &str) -> Answer<Dynamic> {
    let list: rhai::Array = context.call_native_fn(format!("get${property}"), (net.clone(),))?;
    let lines = answer(context, |session| {
        let lines = list
            .iter()
            .map(|one| print::value(Some(session), one).show());
        // What it is, behind the kind of a route; a gateway comes later.
        let is_own = |line: &str| {
            let mut words = line.split(' ').take(2);
            words.any(|word| word.starts_with("fe80:") || word == "ff00::/8")
        };
        let lasting = lines.filter(|line| !is_own(line));
        Ok(lasting.map(Dynamic::from).collect::<rhai::Array>())
    })?;
    Ok(lines.into())
}

/// What stands in a namespace, as a map.
fn state_of(context: &NativeCallContext, net: &Netns) -> Answer<Map> {
    let links = answer(context, |session| {
        let all = link::all(session, net)?;
        let name_of = |index: Option<u32>| {
            let found = all.iter().find(|one| Some(one.index) == index);
            found.map_or(Dynamic::UNIT, |one| one.name.clone().into())
        };
        let links = all.iter().map(|one| {
            let facts = Map::from([
                ("kind".into(), one.kind.clone().into()),
                ("up".into(), one.up.into()),
                ("mtu".into(), i64::from(one.mtu).into()),
                ("mac".into(), mac::print(&one.mac).into()),
                ("master".into(), name_of(one.master)),
            ]);
            (one.name.as_str().into(), facts.into())
        });
        Ok(links.collect::<Map>())
    })?;
    let mut state = Map::from([("links".into(), links.into())]);
    for property in ["addrs", "routes", "rules"] {
        state.insert(property.into(), lines(context, net, property)?);
    }
    Ok(state)
}

/// Whether this kernel makes links of the kind.
fn is_made(session: &Rc<Session>, kind: &InfoKind) -> Result<bool> {
    session.wait(async { driver::refusal_to(kind).await.is_none() })
}

/// Ends a test whose kernel has no links of that kind; the failure of a script that is none.
fn need(context: &NativeCallContext, name: &str) -> Answer<()> {
    let lacking = answer(context, |session| {
        let known: Vec<(&'static str, &'static kind::Kind)> =
            kind::all().map(|kind| (kind.word, kind)).collect();
        let kind = choose("a kernel", "kind of link", name, &known)
            .map_err(|error| error.doing("need", name))?;
        // Who lists the tests makes nothing.
        let lists = session.tests() == Tests::Lists;
        if lists || is_made(session, &InfoKind::from(kind.name))? {
            return Ok(None);
        }
        if session.tests() == Tests::None {
            return Err(kind.lacks_driver(Error::invalid("").doing("need", name)));
        }
        session.leave_out(LeftOut::Lacks(kind.word.to_owned()));
        Ok(Some(()))
    })?;
    match lacking {
        Some(()) => Err(EvalAltResult::Exit(Dynamic::UNIT, context.call_position()).into()),
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
    /// Fails the script unless `value` is `wanted`, and says where the two differ.
    ///
    /// Lists and maps are compared item by item, handles by all that is known of them, numbers by what they stand for.
    ///
    /// ```rhai
    /// expect(netns("a").links.len(), 1);
    /// expect([1, 2], [1, 3]);    // !! the value is not as expected
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn expect(context: NativeCallContext, value: Dynamic, wanted: Dynamic) -> Answer<()> {
        answer(&context, |session| {
            super::same(session, &value, &wanted, "the value")
        })
    }

    /// Fails the script unless `action` fails, and returns the error.
    ///
    /// ```rhai
    /// expect_fails(|| link("v9"), "not_found").kind    // => "not_found"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn expect_fails(context: NativeCallContext, action: FnPtr, kind: &str) -> Answer<Map> {
        super::fails(&context, &action, Some(kind))
    }

    /// The same for an error of any kind.
    ///
    /// ```rhai
    /// expect_fails(|| 1 + 1);    // !! nothing failed, where an error is expected
    /// ```
    #[rhai_fn(name = "expect_fails", return_raw, volatile)]
    pub fn expect_any_failure(context: NativeCallContext, action: FnPtr) -> Answer<Map> {
        super::fails(&context, &action, None)
    }

    /// Returns what stands, as a map of the host and the namespaces with a name: links, addresses, routes and rules of each.
    ///
    /// Two of them are compared with `expect_same`. Left out is what changes by itself: counters, carriers, link-local addresses of IPv6.
    ///
    /// ```rhai
    /// netns("a").link("lo").up();
    /// state().a.links.lo.mtu    // => 65536
    /// ```
    #[rhai_fn(name = "state", return_raw, volatile)]
    pub fn state_all(context: NativeCallContext) -> Answer<Map> {
        let places = answer(&context, |session| {
            let mut places = vec![session.start()?];
            for name in crate::net::namespace::names()? {
                places.push(Rc::new(crate::net::netns::Netns::named(&name)?));
            }
            Ok(places)
        })?;
        let mut all = Map::new();
        for place in places {
            let net = Netns(place);
            all.insert(net.label().into(), super::state_of(&context, &net)?.into());
        }
        Ok(all)
    }

    /// Returns what stands in the namespace, as a map: its links, addresses, routes and rules.
    ///
    /// ```rhai
    /// netns("a").state().rules.len()    // => 5
    /// ```
    #[rhai_fn(name = "state", return_raw, volatile)]
    pub fn state_of_one(context: NativeCallContext, net: &mut Netns) -> Answer<Map> {
        super::state_of(&context, net)
    }

    /// Fails the script unless the states `now` and `before` are the same, and says each place where they differ.
    ///
    /// They are what `state()` returned at two moments, or two other values.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let before = a.state();
    /// a.veth("v0", "v1");
    /// a.link("v0").delete();
    /// expect_same(a.state(), before);
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn expect_same(context: NativeCallContext, now: Dynamic, before: Dynamic) -> Answer<()> {
        answer(&context, |session| {
            super::same(session, &now, &before, "the state")
        })
    }

    /// Ends the test here and now: it is skipped for that reason.
    ///
    /// A script that is no test ends, as done, and says the reason.
    ///
    /// ```rhai
    /// if links().len() == 0 { skip("there are no links here"); }
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn skip(context: NativeCallContext, reason: &str) -> Answer<()> {
        answer(&context, |session| {
            if session.tests() == Tests::None {
                session.note(&format!("skipped: {reason}"));
                session.set_exit_code(0);
            }
            session.leave_out(LeftOut::Skipped(reason.to_owned()));
            Ok(())
        })?;
        Err(EvalAltResult::Exit(Dynamic::UNIT, context.call_position()).into())
    }

    /// Says that the test needs links of the kind: where this kernel has none, it runs in the micro-VM.
    ///
    /// A script that is no test fails where the kernel has no driver for it, before it makes anything.
    ///
    /// ```rhai
    /// needs("veth");
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn needs(context: NativeCallContext, kind: &str) -> Answer<()> {
        super::need(&context, kind)
    }
}
