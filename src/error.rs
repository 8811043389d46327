//! What went wrong, as every layer says it: a kind, what was being done, where, why, and what to type next.

use std::fmt;

use nix::errno::Errno;

/// The result of whatever can fail for a reason that a user should read.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The class of a failure, which scripts tell apart by `e.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The thing named is not there.
    NotFound,
    /// Something of that name is there, and can't be taken for what was asked.
    Exists,
    /// What is there differs from what was asked.
    Conflict,
    /// The privileges do not suffice.
    Denied,
    /// This kernel or machine can't do it.
    Unsupported,
    /// The request makes no sense as written.
    Invalid,
    /// There is no way to the destination.
    Unreachable,
    /// The object is in use by something else.
    Busy,
    /// It took longer than allowed.
    Timeout,
    /// The user, or a signal, ended it.
    Interrupted,
    /// A script's own assertion did not hold.
    Assertion,
    /// Any other refusal of the kernel.
    Kernel,
}

impl Kind {
    /// The name that scripts see in `e.kind`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Exists => "exists",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Unsupported => "unsupported",
            Self::Invalid => "invalid",
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
            Self::Assertion => "assertion",
            Self::Kernel => "kernel",
        }
    }

    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NotFound,
        Self::Exists,
        Self::Conflict,
        Self::Denied,
        Self::Unsupported,
        Self::Invalid,
        Self::Unreachable,
        Self::Busy,
        Self::Timeout,
        Self::Interrupted,
        Self::Assertion,
        Self::Kernel,
    ];

    /// The kind that `name` stands for, if it is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind that an errno of the kernel falls under.
    pub fn of_errno(errno: Errno) -> Self {
        match errno {
            Errno::ENODEV | Errno::ENOENT | Errno::ESRCH | Errno::EADDRNOTAVAIL | Errno::ENXIO => {
                Self::NotFound
            }
            Errno::EEXIST | Errno::EADDRINUSE => Self::Exists,
            Errno::EPERM | Errno::EACCES | Errno::EROFS => Self::Denied,
            Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT | Errno::ENOSYS => {
                Self::Unsupported
            }
            Errno::EINVAL | Errno::ERANGE | Errno::ENAMETOOLONG => Self::Invalid,
            Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::ENETDOWN => Self::Unreachable,
            Errno::EBUSY => Self::Busy,
            Errno::ETIMEDOUT => Self::Timeout,
            Errno::EINTR => Self::Interrupted,
            _ => Self::Kernel,
        }
    }
}

/// A failure. Printed, it is one line: ``cannot DO `THING` in namespace `PLACE`: WHY``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The class of the failure.
    pub kind: Kind,
    /// What was being done, with the object in back-ticks: ``create ipvlan `v1` ``. Empty where the cause says it all.
    pub doing: String,
    /// The name of the object that it was about.
    pub object: Option<String>,
    /// The namespace in which it happened, as the user calls it.
    pub netns: Option<String>,
    /// Why, in our words.
    pub cause: String,
    /// The kernel's own explanation (extended acknowledgement), where it gave one.
    pub kernel: Option<String>,
    /// The errno that the kernel answered with.
    pub errno: Option<Errno>,
    /// Further facts, a line each.
    pub notes: Vec<String>,
    /// What to type instead.
    pub hint: Option<String>,
}

impl Error {
    /// A failure of class `kind` with its cause; the rest is added with the `with_`-like methods below.
    pub fn new(kind: Kind, cause: impl Into<String>) -> Self {
        Self {
            kind,
            doing: String::new(),
            object: None,
            netns: None,
            cause: cause.into(),
            kernel: None,
            errno: None,
            notes: Vec::new(),
            hint: None,
        }
    }

    /// A request that makes no sense as written.
    pub fn invalid(cause: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, cause)
    }

    /// A system call that failed, its kind taken from the errno.
    pub fn sys(errno: Errno) -> Self {
        let mut error = Self::new(Kind::of_errno(errno), describe(errno));
        error.errno = Some(errno);
        match errno {
            Errno::EROFS => {
                return error
                    .hint("mount that file system for writing, or a tmpfs over the folder");
            }
            Errno::ENOSPC => {
                return error.hint("make room there: `df -h` and `df -i` show what is full");
            }
            Errno::EMFILE => return error.hint("allow it more with `ulimit -n 1024`"),
            _ => {}
        }
        if error.kind == Kind::Denied {
            return error.hint(crate::privilege::hint());
        }
        error
    }

    /// The same for an error of the standard library.
    pub fn io(error: &std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(code) => Self::sys(Errno::from_raw(code)),
            None => Self::new(Kind::Kernel, error.to_string()),
        }
    }

    /// Says what was being done: `"create ipvlan"`, `"v1"` gives ``create ipvlan `v1` ``.
    #[must_use]
    pub fn doing(mut self, verb: &str, object: &str) -> Self {
        self.doing = format!("{verb} `{object}`");
        self.object = Some(object.to_owned());
        self
    }

    /// Says what was being done, where no single object is concerned.
    #[must_use]
    pub fn doing_plain(mut self, verb: &str) -> Self {
        verb.clone_into(&mut self.doing);
        self
    }

    /// Has `tell` say what was being done, unless an inner layer has said so already.
    #[must_use]
    pub fn unless_said(self, tell: impl FnOnce(Self) -> Self) -> Self {
        if self.doing.is_empty() {
            tell(self)
        } else {
            self
        }
    }

    /// Says in which namespace, unless an inner layer has said so already.
    #[must_use]
    pub fn within(mut self, netns: &str) -> Self {
        self.netns.get_or_insert_with(|| netns.to_owned());
        self
    }

    /// Says in which namespace it was to be done, whatever an inner layer has said of where it looked.
    #[must_use]
    pub fn in_place(mut self, netns: &str) -> Self {
        self.netns = Some(netns.to_owned());
        self
    }

    /// Replaces the class.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Replaces the cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Says what to type instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a further fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Sets the kernel's own explanation.
    #[must_use]
    pub fn kernel(mut self, text: Option<String>) -> Self {
        self.kernel = text;
        self
    }

    /// The one-line message without the hint.
    pub fn message(&self) -> String {
        let cause = self.cause.as_str();
        if self.doing.is_empty() {
            return cause.to_owned();
        }
        let place = self.netns.as_ref();
        let place = place.map_or_else(String::new, |netns| format!(" in namespace `{netns}`"));
        // Once is enough.
        let cause = cause.strip_suffix(&place).unwrap_or(cause);
        format!("cannot {}{place}: {cause}", self.doing)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Error {}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self::sys(errno)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::io(&error)
    }
}

/// The errno in words, in lower case and without a full stop.
pub fn describe(errno: Errno) -> String {
    // Sockets are rarely what it is about, whatever the name says.
    let text = match errno {
        Errno::EOPNOTSUPP => "operation not supported",
        other => other.desc(),
    };
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !text.starts_with("I/O") => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// The symbolic name of an errno, `EEXIST` for 17, with the name that `ip` users know where there are two.
pub fn errno_name(errno: Errno) -> String {
    match errno {
        Errno::EOPNOTSUPP => "EOPNOTSUPP".to_owned(),
        Errno::EAGAIN => "EAGAIN".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The candidate nearest to what was typed, if one is near enough to be meant.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed_lower = typed.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&typed_lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= 1.max(candidate.chars().count().min(typed.chars().count()) / 3)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_what_where_and_why() {
        let error = Error::sys(Errno::EEXIST)
            .doing("create ipvlan", "v1")
            .within("net-1");
        assert_eq!(
            error.to_string(),
            "cannot create ipvlan `v1` in namespace `net-1`: file exists"
        );
        assert_eq!(error.kind, Kind::Exists);
    }

    #[test]
    fn the_namespace_is_named_once() {
        let error = Error::new(Kind::NotFound, "there is no link `v9` in namespace `a`");
        assert_eq!(
            error.clone().to_string(),
            "there is no link `v9` in namespace `a`"
        );
        assert_eq!(
            error
                .clone()
                .doing("add route", "default")
                .in_place("a")
                .to_string(),
            "cannot add route `default` in namespace `a`: there is no link `v9`"
        );
        assert_eq!(
            error.doing("create ipvlan", "x").in_place("b").to_string(),
            "cannot create ipvlan `x` in namespace `b`: there is no link `v9` in namespace `a`"
        );
    }

    #[test]
    fn the_inner_layer_knows_the_namespace_best() {
        let error = Error::invalid("no")
            .doing("do", "it")
            .within("a")
            .within("b");
        assert_eq!(error.netns.as_deref(), Some("a"));
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        assert_eq!(Kind::from_name("not_found"), Some(Kind::NotFound));
        assert_eq!(Kind::from_name("kernel"), Some(Kind::Kernel));
        assert_eq!(Kind::from_name("oops"), None);
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("ipvaln", ["ipvlan", "ipvtap"]), Some("ipvlan"));
        assert_eq!(nearest("frobnicate", ["ipvlan", "up"]), None);
        assert_eq!(nearest("pa", ["up", "parent"]), None);
    }
}
