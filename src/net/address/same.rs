//! Whether an address is the one that is asked for.

use super::{Address, Assigned, FLAGS, FOREVER, Lifetimes};

impl Address {
    /// Whether it has the ends of `asked`, and its subnet.
    pub fn has_ends_of(&self, asked: &Assigned) -> bool {
        let there = &self.assigned;
        (there.prefix, there.peer) == (asked.prefix, asked.peer)
    }

    /// Which of the things that `asked` says are otherwise, by the words of `ip address`; `flags` are those that it names, and
    /// whether it is to have them.
    pub fn differences(
        &self,
        asked: &Assigned,
        flags: &[(&'static str, bool)],
    ) -> Vec<&'static str> {
        let there = &self.assigned;
        let is_ipv4 = asked.prefix.addr().is_ipv4();
        let scope = asked
            .scope
            .is_some_and(|_| is_ipv4 && asked.scope != there.scope);
        let metric = asked
            .metric
            .is_some_and(|metric| metric != there.metric.unwrap_or(0));
        let lifetimes = asked.lifetimes.is_some_and(|asked| !lasts(asked, self));
        let named = [
            (
                "broadcast",
                asked.broadcast.is_some() && asked.broadcast != there.broadcast,
            ),
            ("scope", scope),
            ("label", asked.label.is_some() && asked.label != there.label),
            ("lifetimes", lifetimes),
            ("metric", metric),
        ];
        let named = named.into_iter().filter(|(_, differs)| *differs);
        let flags = flags.iter().filter(|(name, on)| match *name {
            // Once nobody else was found to have it, it is as if nobody had looked.
            "nodad" => *on && !there.has(name) && (self.tentative || self.dad_failed),
            name => there.has(name) != *on,
        });
        let flags = flags.map(|(flag, _)| *flag);
        named.map(|(what, _)| what).chain(flags).collect()
    }
}

impl Assigned {
    /// The flags that it has, as they are named.
    pub fn flags_named(&self) -> Vec<(&'static str, bool)> {
        let has = FLAGS.iter().filter(|(name, _)| self.has(name));
        has.map(|(name, _)| (*name, true)).collect()
    }
}

/// Whether an address was given these lifetimes, however much of them has run.
fn lasts(asked: Lifetimes, present: &Address) -> bool {
    // The kernel counts in whole seconds, and its clock is read a moment later.
    let slack = 2;
    let is_near = |asked: u32, there: u32| match (asked, there) {
        (FOREVER, there) => there == FOREVER,
        (_, FOREVER) => false,
        (asked, there) => u64::from(asked.abs_diff(there)) <= slack,
    };
    let there = present.lifetimes_given();
    let preferred = match asked.preferred {
        0 => present.deprecated,
        FOREVER if present.deprecated => false,
        // Of an IPv4 address that stays for ever the kernel does not tell for how long it is preferred.
        _ if present.ip().is_ipv4() && there.valid == FOREVER => true,
        // Of one that is not preferred any more it tells no more.
        _ if present.deprecated => true,
        asked => is_near(asked, there.preferred),
    };
    is_near(asked.valid, there.valid) && preferred
}
