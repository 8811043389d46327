//! Switching the port of a slave to another mode or flag, and with it all its siblings.

use std::rc::Rc;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::dsl::kinds::ipvlan_port::{Settings, Slave};
use crate::dsl::kinds::make::Parent;
use crate::dsl::objects::link;
use crate::error::{self, Error, Result};
use crate::lab::setting::Setting;
use crate::net::link::Which;

/// What is said of a change of a port.
const VERB: &str = "set the mode of link";

/// Switches the port of a slave to another mode or flag, and with it all siblings.
pub(super) fn switch_port(
    session: &Rc<Session>,
    slave: &Link,
    mode: Option<&'static str>,
    flag: Option<&'static str>,
    switch: bool,
) -> Result<()> {
    let context = |error: Error| {
        error
            .doing(VERB, &slave.name())
            .within(slave.netns().label())
    };
    let seen = link::snapshot(session, slave)?;
    let present = seen.data.as_ref().and_then(Settings::of).ok_or_else(|| {
        context(Error::invalid(format!(
            "`{}` is no ipvlan slave and has no mode",
            slave.name()
        )))
    })?;
    let wanted = Settings {
        mode: mode.unwrap_or(present.mode),
        flag: flag.unwrap_or(present.flag),
    };
    if wanted == present {
        link::report_unchanged(session, slave, &port_setting(wanted));
        return Ok(());
    }
    let above = link::parent_of(session, slave, &seen)?;
    if let Some(above) = above {
        let parent = Parent {
            seen: link::snapshot(session, &above)?,
            netns: above.netns(),
        };
        let mut siblings = session.ports().read(session, &parent)?;
        siblings.leave_out(&slave.netns(), slave.index());
        if !siblings.slaves.is_empty() {
            siblings
                .resolve(&parent.seen.name, mode, flag, switch)
                .map_err(context)?;
        }
        if let Some(sibling) = siblings.vehicle(session) {
            let sibling = sibling_handle(session, sibling)?;
            return change_port(session, &sibling, present, wanted);
        }
    }
    change_port(session, slave, present, wanted)
}

fn port_setting(settings: Settings) -> Setting {
    Setting::Port {
        mode: settings.mode_number(),
        flag: settings.flag_bits(),
    }
}

/// Switches the port by way of one of its slaves; the kernel switches all the others with it.
pub(super) fn change_port(
    session: &Rc<Session>,
    slave: &Link,
    present: Settings,
    wanted: Settings,
) -> Result<()> {
    session.ports().forget();
    let (old, new) = (port_setting(present), port_setting(wanted));
    link::change(session, slave, VERB, old, new)
}

/// The slave as it is now.
pub(super) fn sibling_handle(session: &Rc<Session>, slave: &Slave) -> Result<Link> {
    let seen = session.wait(async {
        let found = crate::net::link::get(&slave.netns.rtnl()?, Which::Index(slave.index)).await;
        found.map_err(Error::from)
    })??;
    match seen {
        Some(seen) => Ok(link::handle(&slave.netns, &seen)),
        None => Err(Error::new(
            error::Kind::NotFound,
            format!("link `{}` is gone", slave.name),
        )),
    }
}
