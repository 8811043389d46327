//! Throw-away places to run a script in: private namespaces of this kernel, or a micro-VM with its own.
//!
//! [`ns`] is at once there and needs no root, and has what this kernel has. [`vm`] takes a second or two to start, needs
//! QEMU and a kernel image, and has IPvlan wherever it runs. Neither leaves anything behind on the host but the
//! files that a script writes on purpose.

mod loopback;
pub mod ns;
pub mod vm;

use crate::error::Error;

/// Where a throw-away run takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Private namespaces of this kernel.
    Ns,
    /// A micro-VM with a kernel of its own.
    Vm,
}

/// A failure of the operating system, without a hint: the advice to try a sandbox is of no use within one.
fn failed(error: impl Into<Error>) -> Error {
    let mut error = error.into();
    error.hint = None;
    error
}
