//! The micro-VM: a small guest with a kernel of its own, under QEMU, that is up in a second or two.
//!
//! It has IPvlan wherever it runs, needs no root, and cannot touch the host: there is no network card, no disk and no
//! shared folder in it, only one pipe. One binary plays all the parts: on the host it puts a root file system
//! together in memory (`initramfs`, `programs`, `modules`), starts QEMU (`machine`) and passes on streams,
//! signals and files (`host`); in the guest it is `/init` (`guest`) and the kernel's `modprobe` (`modprobe`).

mod accel;
mod apt;
mod bring_back;
mod bzimage;
mod cache;
mod dnf;
mod frames;
mod guest;
mod guest_program;
mod host;
mod image;
mod initramfs;
mod install;
mod kernel;
mod list;
mod machine;
mod modprobe;
mod modules;
mod offer;
mod packages;
mod programs;
mod terminal;
mod unpack;

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::thread;

pub use accel::Kvm;
pub use install::install;
pub use list::{Listed, installed, list};

use accel::Accel;
use machine::{Machine, Parts};

use crate::error::Result;
use crate::sandbox::failed;

/// What labs run besides ipvsh; those of them that this machine has are there in the micro-VM as well.
const PROGRAMS: &[&str] = &[
    "bridge", "cat", "echo", "ip", "nft", "ping", "sh", "sleep", "sysctl", "tc", "unshare",
];

/// What is to run in a micro-VM, and what it finds there.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The ipvsh binary that becomes `/init`.
    pub init: PathBuf,
    /// The program to run, by its path on the host; ipvsh itself if there is none.
    pub program: Option<PathBuf>,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Files of the host that it needs, as scripts and modules, packed at their own absolute paths.
    pub files: Vec<PathBuf>,
    /// Programs of the host that it needs, by path or by name, packed with the libraries that they need.
    pub programs: Vec<PathBuf>,
    /// Its environment, all of it.
    pub env: Vec<(OsString, OsString)>,
    /// Its work folder. Visible files that it makes or changes below come back to the same place on the host; one that is there
    /// already stays, and the guest's is kept aside.
    pub cwd: PathBuf,
    /// Absolute paths of files that it is to write, wherever they lie: they come back as well.
    pub results: Vec<PathBuf>,
    /// The folder, seen from the work folder, whose files on the host may be replaced by changed ones.
    pub replaced: Option<PathBuf>,
    /// The version of the kernel that is to run it, or the beginning of one; the default kernel where there is none.
    pub kernel: Option<String>,
}

/// How a run has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The exit code of the program.
    pub code: u8,
    /// Files that it has written and that did not take the place of others.
    pub kept_aside: Vec<KeptAside>,
}

/// A file of the guest whose name another file has on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAside {
    /// The name, seen from the work folder.
    pub path: PathBuf,
    /// The name that the guest's file has got instead.
    pub aside: PathBuf,
}

impl fmt::Display for KeptAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` stays as it is; what the run wrote is in `{}` (`--write DIR` lets files in DIR be replaced)",
            self.path.display(),
            self.aside.display()
        )
    }
}

impl Guest {
    /// This ipvsh with other arguments: same work folder, and of the environment what concerns it.
    pub fn new(args: Vec<OsString>) -> Result<Self> {
        let cwd = env::current_dir()
            .map_err(|error| failed(error).doing_plain("find the work folder"))?;
        Ok(Self {
            init: PathBuf::from("/proc/self/exe"),
            program: None,
            args,
            files: Vec::new(),
            programs: PROGRAMS
                .iter()
                .filter_map(|name| programs::find(Path::new(name)))
                .collect(),
            env: env::vars_os()
                .filter(|(name, _)| concerns_the_guest(name))
                .collect(),
            cwd,
            results: Vec::new(),
            replaced: None,
            kernel: None,
        })
    }

    /// Takes along those of `names` that are programs of this machine: found as a shell would, and such as can run. A name may be any
    /// word of a command, so that one which is none is no error.
    pub fn take_along(&mut self, names: &[String]) {
        let found = names
            .iter()
            .filter_map(|name| programs::find(Path::new(name)));
        self.programs
            .extend(found.filter(|path| programs::is_one(path)));
    }
}

fn concerns_the_guest(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    matches!(
        name.as_ref(),
        "HOME"
            | "TERM"
            | "COLORTERM"
            | "LANG"
            | "TZ"
            | "NO_COLOR"
            | "CLICOLOR_FORCE"
            | "COLUMNS"
            | "RUST_BACKTRACE"
    ) || name.starts_with("LC_")
        || (name.starts_with("IPVSH_") && !matches!(name.as_ref(), "IPVSH_KERNEL" | "IPVSH_CACHE"))
}

/// What a micro-VM would be made of here.
#[derive(Clone, Debug)]
pub struct Means {
    /// The QEMU to run it with.
    pub qemu: PathBuf,
    /// The image of its kernel.
    pub kernel: PathBuf,
    /// The kernel's release, as `uname -r` says.
    pub release: String,
    modules: PathBuf,
    names: OnceLock<HashSet<String>>,
}

impl Means {
    /// Whether its kernel has the module `name`, or has it built in.
    pub fn has_module(&self, name: &str) -> bool {
        let look = || modules::names(&self.modules);
        self.names.get_or_init(look).contains(name)
    }
}

/// Finds out, without starting anything, whether a micro-VM can be run here, with the kernel of that version where one is wanted. The
/// error says what is missing.
pub fn means(version: Option<&str>) -> Result<Means> {
    let qemu = machine::find_qemu()?;
    let kernel = kernel::find(version)?;
    Ok(Means {
        qemu,
        kernel: kernel.image,
        release: kernel.release,
        modules: kernel.modules,
        names: OnceLock::new(),
    })
}

/// The QEMU of this machine.
pub fn qemu() -> Result<PathBuf> {
    machine::find_qemu()
}

/// The kernel that a micro-VM would run: its release and its image.
pub fn kernel() -> Result<(String, PathBuf)> {
    let found = kernel::find(None)?;
    Ok((found.release, found.image))
}

/// What KVM is good for here.
pub fn kvm() -> Kvm {
    accel::state()
}

/// Runs a program in a micro-VM to its end. The exit code is 128 + the signal where one ended it.
///
/// Standard input, output and error are those of this process, all three apart; where input and output are a
/// terminal, the program has one, too. Interrupt, hang-up and termination are passed on; a second one, or five seconds
/// without an end, end it all. Call it from a thread that stays until it returns: QEMU dies with that thread.
///
/// A program that was killed with the machine, a kernel that panics or a guest that hangs are errors that show what
/// its console said last.
pub fn run(guest: &Guest) -> Result<Ran> {
    start(guest)?.run()
}

/// A micro-VM that is up, and whose program has not begun.
pub struct Started {
    machine: Machine,
    guest: Guest,
}

impl Started {
    /// Runs the program to its end: what [`run`] does behind the start of the machine.
    pub fn run(mut self) -> Result<Ran> {
        host::relay(&mut self.machine, &self.guest)
    }
}

/// Starts the micro-VM for a program: what [`run`] does first.
pub fn start(guest: &Guest) -> Result<Started> {
    let emulated = thread::spawn(Accel::emulated);
    let qemu = machine::find_qemu()?;
    let kernel = kernel::find(guest.kernel.as_deref())?.prepare()?;
    let mut guest = guest.clone();
    guest.cwd = std::path::absolute(&guest.cwd)?;
    let image = image::build(&guest)?;
    let (image, image_size) = machine::in_memory(&image, &kernel.modules)?;
    let parts = Parts {
        qemu,
        kernel: kernel.boot,
        image,
        image_size,
    };
    let machine = boot(&parts, || {
        emulated.join().unwrap_or_else(|_| Accel::emulated())
    })?;
    Ok(Started { machine, guest })
}

/// Starts the machine. Nothing is ever run twice: until it is up, no program has started.
fn boot(parts: &Parts, emulated: impl FnOnce() -> Accel) -> Result<Machine> {
    let kvm = accel::kvm_is_worth_a_try();
    if kvm {
        let mut machine = Machine::start(parts, Accel::Kvm)?;
        if machine.hello(Accel::Kvm.patience()).is_ok() {
            return Ok(machine);
        }
    }
    let accel = emulated();
    let mut machine = Machine::start(parts, accel)?;
    machine.hello(accel.patience())?;
    if kvm {
        // The same machine runs without it: it was not the kernel or the image that was wrong.
        accel::kvm_is_of_no_use();
    }
    Ok(machine)
}

/// Whether this program runs in a micro-VM, which goes away with it.
pub fn is_guest() -> bool {
    Path::new(image::MARKER).exists()
}

/// Plays the guest's part, if this process has one: call it first thing in `main` and end with the code it gives.
///
/// As the guest's `/init` it does not return. No process outside of the guest is ever taken for one, not even the first
/// process of a container: the guest is known by a file that only its root file system has.
pub fn take_over_if_guest() -> Option<ExitCode> {
    if !is_guest() {
        return None;
    }
    // Nothing is mounted yet when the kernel starts its first process.
    if std::process::id() == 1 && !Path::new("/proc/self").exists() {
        guest::main();
    }
    let mut args = env::args_os();
    let own = args.next()?;
    let is_modprobe = Path::new(&own).file_name() == Some("modprobe".as_ref());
    is_modprobe.then(|| modprobe::main(args))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_outside_of_the_guest_has_no_part_in_it() {
        assert!(take_over_if_guest().is_none());
    }

    #[test]
    fn the_guest_gets_what_concerns_it_and_no_secrets() {
        for (name, wanted) in [
            ("TERM", true),
            ("LC_ALL", true),
            ("IPVSH_REQUIRE", true),
            ("IPVSH_CACHE", false),
            ("API_TOKEN", false),
        ] {
            assert_eq!(concerns_the_guest(&OsString::from(name)), wanted, "{name}");
        }
    }
}
