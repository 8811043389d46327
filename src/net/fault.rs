//! Faults on purpose, for tests: ends or refuses the run at the request to the kernel that they choose.
//!
//! `IPVSH_FAULT=kill-before:17` kills the process just before its 17th changing request, `kill-after:17` just behind it;
//! `fail:17` has it refused with `EIO`, `int:17` sends the process a Ctrl-C there. `kill-asking:17` and `fail-asking:17` do it at
//! the 17th request that only asks. In builds for release there is no such thing.

use nix::errno::Errno;

#[cfg(debug_assertions)]
mod chosen {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use nix::sys::signal::{Signal, raise};

    static REQUESTS: AtomicU64 = AtomicU64::new(0);
    static QUESTIONS: AtomicU64 = AtomicU64::new(0);

    /// What is to happen, and at which request.
    fn fault() -> Option<&'static (String, u64)> {
        static FAULT: OnceLock<Option<(String, u64)>> = OnceLock::new();
        let read = || {
            let text = std::env::var("IPVSH_FAULT").ok()?;
            let (what, number) = text.split_once(':')?;
            Some((what.to_owned(), number.parse().ok()?))
        };
        FAULT.get_or_init(read).as_ref()
    }

    /// Whether `what` is to happen at request `number`.
    fn is(what: &str, number: u64) -> bool {
        fault().is_some_and(|(chosen, at)| chosen == what && *at == number)
    }

    pub(super) fn before() -> bool {
        let number = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
        if is("kill-before", number) {
            let _ = raise(Signal::SIGKILL);
        }
        if is("int", number) {
            let _ = raise(Signal::SIGINT);
        }
        is("fail", number)
    }

    pub(super) fn asking() -> bool {
        let number = QUESTIONS.fetch_add(1, Ordering::Relaxed) + 1;
        if is("kill-asking", number) {
            let _ = raise(Signal::SIGKILL);
        }
        is("fail-asking", number)
    }

    pub(super) fn after() {
        if is("kill-after", REQUESTS.load(Ordering::Relaxed)) {
            let _ = raise(Signal::SIGKILL);
        }
    }
}

/// Makes a changing request, unless a fault is to happen there.
pub(crate) fn guard<T>(request: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    before()?;
    let result = request();
    after();
    result
}

/// To be called before a changing request; what it fails with is the request's failure.
pub(crate) fn before() -> Result<(), Errno> {
    #[cfg(debug_assertions)]
    if chosen::before() {
        return Err(Errno::EIO);
    }
    Ok(())
}

/// To be called before a request that only asks; what it fails with is the request's failure.
pub(crate) fn asking() -> Result<(), Errno> {
    #[cfg(debug_assertions)]
    if chosen::asking() {
        return Err(Errno::EIO);
    }
    Ok(())
}

/// To be called behind a changing request.
pub(crate) fn after() {
    #[cfg(debug_assertions)]
    chosen::after();
}
