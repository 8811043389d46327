//! The kernel's refusal of a request.

use nix::errno::Errno;

use crate::error::Error;

/// The kernel's refusal of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The errno that it answered with.
    pub errno: Errno,
    /// Its explanation (extended acknowledgement), where it gave one.
    pub text: Option<String>,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let mut error = Self::sys(refusal.errno);
        if refusal.text.is_some() {
            // What is refused for want of a capability comes without a word of the kernel's.
            error.hint = None;
        }
        error.kernel(refusal.text)
    }
}

impl Refusal {
    pub(crate) fn of(errno: Errno) -> Self {
        Self { errno, text: None }
    }

    /// What a request can't be sent for.
    pub(crate) fn of_error(error: &Error) -> Self {
        Self::of(error.errno.unwrap_or(Errno::ENOENT))
    }
}
