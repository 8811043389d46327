//! Settings of a namespace and of a link below `/proc/sys/net`.

use std::rc::Rc;

use nix::errno::Errno;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::link;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result, nearest};
use crate::lab::{Command, Object, Outcome, Undo, WayBack};
use crate::net::netns;
use crate::net::sysctl::{self, Key};
use crate::value::options::type_in_words;

/// The setting and the namespace, and the link where it is one of a link.
struct Setting<'a> {
    place: Rc<netns::Netns>,
    link: Option<&'a Link>,
    key: Key,
}

impl Setting<'_> {
    fn read(&self) -> Result<String> {
        sysctl::read(&self.place, &self.key).map_err(|error| self.explain("read", error))
    }

    /// Sets it, if it is not as wanted already.
    fn set(&self, session: &Rc<Session>, value: &str) -> Result<()> {
        let present = self.read()?;
        let key = &self.key;
        let value = sysctl::plain(value);
        let way = WayBack::Sysctl {
            key: key.clone(),
            old: present.clone(),
            new: value.clone(),
        };
        let undo = Undo {
            link: self.link.map(Link::reference),
            ..Undo::within(self.place.clone(), way)
        };
        if present == value {
            session.lab().asked(undo.clone());
            session.lab().claim(undo)?;
            let object = object(key, &value, &value);
            session
                .lab()
                .report(Outcome::Unchanged, &self.place, object);
            return Ok(());
        }
        let command = || {
            let assignment = format!("net.{key}={value}");
            Command::tool("sysctl", &self.place, ["-w", &assignment])
        };
        session
            .wait(async {
                let change = async { sysctl::write(&self.place, key, &value) };
                session.lab().step(undo, command, change).await?
            })?
            .map_err(|error| match error.errno {
                Some(Errno::EINVAL | Errno::ERANGE) => {
                    let error =
                        error.cause(format!("the kernel does not take `{value}` as its value"));
                    self.explain("set", error.hint(format!("it is `{present}` now")))
                }
                Some(Errno::EACCES | Errno::EPERM) if sysctl::is_read_only(&self.place, key) => {
                    let error = error.kind(Kind::Invalid).cause("it can only be read");
                    Error {
                        hint: None,
                        ..self.explain("set", error)
                    }
                }
                _ => self.explain("set", error),
            })?;
        let object = object(key, &present, &value);
        session.lab().report(Outcome::Changed, &self.place, object);
        Ok(())
    }

    fn explain(&self, verb: &str, error: Error) -> Error {
        let key = self.key.to_string();
        let error = error
            .doing(&format!("{verb} sysctl"), &key)
            .within(self.place.label());
        if error.kind != Kind::NotFound {
            return error;
        }
        let others = sysctl::beside(&self.place, &self.key).unwrap_or_default();
        // A folder is no setting.
        let others = others
            .iter()
            .filter(|other| sysctl::read(&self.place, other).is_ok());
        let others: Vec<String> = others.map(ToString::to_string).collect();
        match nearest(&key, others.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`ls -R /proc/sys/net` lists all there are in this namespace"),
        }
    }
}

/// A setting as an outcome tells of it: its key below `net`, and its values as the kernel writes them.
fn object(key: &Key, old: &str, new: &str) -> Object {
    let line = if old == new {
        format!("{key}: {new}")
    } else {
        format!("{key}: {old} to {new}")
    };
    Object::new("sysctl", key.to_string())
        .changed(old, new)
        .told(line)
}

fn of_namespace(net: &Netns, key: &str) -> Result<Setting<'static>> {
    let place = net.0.clone();
    let key = key
        .parse()
        .map_err(|error: Error| error.doing("find sysctl", key).within(place.label()))?;
    Ok(Setting {
        place,
        link: None,
        key,
    })
}

/// The setting of the link: `rp_filter`, `ipv6.accept_ra`, `ipv4.neigh.gc_stale_time`.
///
/// Without a family it is that of IPv4, or of IPv6 where only that has it.
fn of_link<'a>(session: &Rc<Session>, link: &'a Link, text: &str) -> Result<Setting<'a>> {
    let name = link::snapshot(session, link)?.name;
    let place = link.netns();
    let context = |error: Error| error.doing("find sysctl", text).within(place.label());
    let asked: Key = text.parse().map_err(context)?;
    let asked: Vec<&str> = asked.parts().iter().map(String::as_str).collect();
    let keys = match asked.as_slice() {
        [key] => vec![
            Key::new(["ipv4", "conf", &name, key]),
            Key::new(["ipv6", "conf", &name, key]),
        ],
        [family, "neigh", key] => vec![Key::new([*family, "neigh", &name, key])],
        [family, key] => vec![Key::new([*family, "conf", &name, key])],
        _ => {
            return Err(context(
                Error::invalid("that is not the name of a setting of a link").hint(
                    "write it without the link: \"rp_filter\", \"ipv6.accept_ra\" or \"ipv4.neigh.gc_stale_time\"",
                ),
            ));
        }
    };
    let keys = keys
        .into_iter()
        .collect::<Result<Vec<_>>>()
        .map_err(context)?;
    let is_there = |key: &&Key| match sysctl::read(&place, key) {
        Ok(_) => true,
        Err(error) => error.kind != Kind::NotFound,
    };
    let found = keys.iter().find(is_there);
    let of_ipv6 = |key: &&Key| key.parts().first().is_some_and(|part| part == "ipv6");
    if let (None, Some(key)) = (found, keys.iter().find(of_ipv6)) {
        // A link without IPv6 has no settings of it.
        let error = Error::sys(Errno::ENOENT);
        let told = link::without_ipv6(session, &place, link.index(), error.clone());
        if told.cause != error.cause {
            let doing = told.doing("find sysctl", &key.to_string());
            return Err(doing.within(place.label()));
        }
    }
    let key = found.or(keys.first()).cloned();
    let key = key.ok_or_else(|| context(Error::invalid("no setting is named")))?;
    Ok(Setting {
        place,
        link: Some(link),
        key,
    })
}

/// A value as it is written to the file.
fn text_of(setting: &Setting, value: &Dynamic) -> Result<String> {
    if let Ok(is) = value.as_bool() {
        return Ok(u8::from(is).to_string());
    }
    if let Ok(number) = value.as_int() {
        return Ok(number.to_string());
    }
    match value.clone().into_string() {
        Ok(text) if !text.trim().is_empty() && !text.contains(['\n', '\0']) => Ok(text),
        Ok(_) => Err(setting.explain(
            "set",
            Error::invalid("its value can't be empty, nor hold a line end"),
        )),
        Err(_) => {
            let given = type_in_words(value.type_name());
            let why = format!("its value is an integer, a truth value or a string, not {given}");
            Err(setting.explain("set", Error::invalid(why)))
        }
    }
}

/// A value as scripts read it: an integer where it is one.
fn value_of(text: String) -> Dynamic {
    match text.parse::<i64>() {
        Ok(number) => number.into(),
        Err(_) => text.into(),
    }
}

fn forward(session: &Rc<Session>, net: &Netns) -> Result<()> {
    of_namespace(net, "ipv4.ip_forward")?.set(session, "1")?;
    match of_namespace(net, "ipv6.conf.all.forwarding")?.set(session, "1") {
        // A kernel without IPv6 has nothing to forward there.
        Err(error) if error.kind == Kind::NotFound => Ok(()),
        set => set,
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
    /// Returns the value of a setting of the namespace: an integer where it is one, else a string.
    ///
    /// `key` is the name that `sysctl` has for it, without `net.`; `/` and `.` may change places, for a link with a dot in
    /// its name. What `sysctl net.KEY` prints.
    ///
    /// ```rhai
    /// netns("a").sysctl("ipv4.ip_forward")    // => 0
    /// ```
    #[rhai_fn(name = "sysctl", return_raw, volatile)]
    pub fn sysctl_(context: NativeCallContext, net: &mut Netns, key: &str) -> Answer<Dynamic> {
        answer(&context, |_| Ok(value_of(of_namespace(net, key)?.read()?)))
    }

    /// Sets a setting of the namespace, and returns the namespace.
    ///
    /// Nothing happens where it has that value. The value is an integer, a string, or a truth value for 1 and 0. What
    /// `sysctl -w net.KEY=VALUE` does.
    ///
    /// ```rhai
    /// let a = netns("a").sysctl("ipv4.ip_local_port_range", "20000 30000");
    /// a.sysctl("ipv4.ip_local_port_range")    // => "20000 30000"
    /// ```
    #[rhai_fn(name = "sysctl", return_raw, volatile)]
    pub fn set_sysctl(
        context: NativeCallContext,
        net: &mut Netns,
        key: &str,
        value: Dynamic,
    ) -> Answer<Netns> {
        answer(&context, |session| {
            let setting = of_namespace(net, key)?;
            setting.set(session, &text_of(&setting, &value)?)?;
            Ok(net.clone())
        })
    }

    /// Returns the value of a setting of the link: `"rp_filter"`, `"ipv6.accept_ra"`, `"ipv4.neigh.gc_stale_time"`.
    ///
    /// Without `ipv4.` or `ipv6.` in front it is that of IPv4, or of IPv6 where only that has it.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").sysctl("ipv6.hop_limit")    // => 64
    /// ```
    #[rhai_fn(name = "sysctl", return_raw, volatile)]
    pub fn sysctl_of(context: NativeCallContext, link: &mut Link, key: &str) -> Answer<Dynamic> {
        answer(&context, |session| {
            Ok(value_of(of_link(session, link, key)?.read()?))
        })
    }

    /// Sets a setting of the link, and returns the link.
    ///
    /// What `sysctl -w net.ipv4.conf.LINK.KEY=VALUE` does.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1").sysctl("proxy_arp", 1).sysctl("accept_ra", 0);
    /// [v.sysctl("proxy_arp"), v.sysctl("ipv6.accept_ra")]    // => [1, 0]
    /// ```
    #[rhai_fn(name = "sysctl", return_raw, volatile)]
    pub fn set_sysctl_of(
        context: NativeCallContext,
        link: &mut Link,
        key: &str,
        value: Dynamic,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let setting = of_link(session, link, key)?;
            let text = text_of(&setting, &value)?;
            setting.set(session, &text)?;
            Ok(link.clone())
        })
    }

    /// Makes the namespace a router of IPv4 and IPv6, and returns it.
    ///
    /// What `sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1` does.
    ///
    /// ```rhai
    /// netns("router").forward().sysctl("ipv6.conf.all.forwarding")    // => 1
    /// ```
    #[rhai_fn(name = "forward", return_raw, volatile)]
    pub fn forward_(context: NativeCallContext, net: &mut Netns) -> Answer<Netns> {
        answer(&context, |session| {
            forward(session, net)?;
            Ok(net.clone())
        })
    }
}
