//! What there is for the micro-VM: QEMU, a kernel, KVM that works.

use super::Finding;
use crate::sandbox::vm::{self, Kvm};

/// A line each.
pub(super) fn look() -> Vec<Finding> {
    let install = "`ipvsh vm install`";
    let qemu = match vm::qemu() {
        Ok(path) => Finding::good("QEMU", path.display().to_string()),
        Err(error) => Finding::bad("QEMU", error.cause).mend(install),
    };
    let kernel = match vm::kernel() {
        Ok((release, image)) => {
            let mut others = vm::installed();
            others.retain(|other| *other != release);
            let others = match others.as_slice() {
                [] => String::new(),
                others => format!("; by --kernel also {}", others.join(", ")),
            };
            Finding::good("kernel", format!("{release}, {}{others}", image.display()))
        }
        Err(error) => Finding::bad("kernel", error.cause).mend(install),
    };
    let kvm = match vm::kvm() {
        Kvm::Works => Finding::good(
            "KVM",
            "it makes machines, and no micro-VM has failed with it",
        ),
        Kvm::Absent => Finding::open(
            "KVM",
            "there is no /dev/kvm: the machine is emulated, which is slower",
        ),
        Kvm::Closed => Finding::bad("KVM", "/dev/kvm is there, and you may not open it")
            .mend("`sudo usermod -aG kvm $USER`, then log in again"),
        Kvm::Broken => Finding::bad(
            "KVM",
            "/dev/kvm is there, and makes no machine: the micro-VM is emulated",
        ),
        Kvm::Useless => Finding::open(
            "KVM",
            "/dev/kvm is there, but no micro-VM came up with it since this machine was started: it is emulated",
        ),
    };
    vec![qemu, kernel, kvm]
}
