//! The guest's first process: it makes the place habitable, has the program run, and turns off the light.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::sethostname;

use super::frames::{Frame, Wiring};
use super::guest_program::{self, Command};
use super::{image, initramfs, modprobe, modules};
use crate::error::{Error, Kind, Result};
use crate::sandbox::failed;
use crate::sandbox::loopback;

/// How long the host may take to hear our last word before the light goes out.
const FAREWELL: Duration = Duration::from_secs(2);

/// The port to the host, for all who have something to say.
pub(super) type Speaker = Arc<Mutex<File>>;

/// Lives the guest's life.
pub(super) fn main() -> ! {
    if let Err(error) = live() {
        // The console is all there is; the host shows it.
        let _ = writeln!(io::stderr(), "ipvsh: {}", error.message());
    }
    // The host ends the machine as soon as it has heard it all.
    thread::sleep(FAREWELL);
    loop {
        // QEMU is told to end where a machine would start anew.
        let _ = reboot(RebootMode::RB_AUTOBOOT);
        thread::sleep(FAREWELL);
    }
}

fn live() -> Result<()> {
    mount_all()?;
    for module in modules::list(modules::START)?.lines() {
        if !modprobe::load(module) {
            return Err(Error::new(Kind::Kernel, "it does not fit this kernel")
                .doing("load the module", module));
        }
    }
    write("/proc/sys/kernel/modprobe", image::MODPROBE)?;
    tell_drivers()?;
    loopback::up()?;
    sethostname("ipvsh")?;
    // The descriptors that a lab of hundreds of namespaces needs; the soft limit stays as programs expect it.
    setrlimit(Resource::RLIMIT_NOFILE, 1024, 524_288)?;
    let mut port = open_port()?;
    let speaker: Speaker = Arc::new(Mutex::new(port.try_clone()?));
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    say(&speaker, &Frame::Hello(release.trim().to_owned()))?;
    let wiring = await_go(&mut port)?;
    keep_beating(&speaker);
    let command = read_command()?;
    guest_program::run(&command, wiring, &speaker, port)
}

/// Says where programs look for it, and a plan, which drivers there are to load.
fn tell_drivers() -> Result<()> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let folder = Path::new("/lib/modules").join(release.trim());
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("modules.alias"), modprobe::drivers()?)?;
    Ok(())
}

fn mount_all() -> Result<()> {
    let plain = MsFlags::MS_NOSUID;
    for (kind, path, options) in [
        ("devtmpfs", "/dev", "mode=755"),
        ("proc", "/proc", ""),
        ("sysfs", "/sys", ""),
        ("devpts", "/dev/pts", "ptmxmode=666,mode=620"),
        ("tmpfs", "/dev/shm", "mode=1777"),
        ("tmpfs", "/run", "mode=755"),
        ("tmpfs", "/tmp", "mode=1777"),
    ] {
        fs::create_dir_all(path)?;
        // Where files were packed below, they must stay to be seen. The root is in memory as well.
        let packed = kind == "tmpfs" && fs::read_dir(path)?.next().is_some();
        if !packed {
            mount(Some(kind), path, Some(kind), plain, Some(options))
                .map_err(|errno| failed(errno).doing("mount", path))?;
        }
    }
    // Where the kernel has them; a program that needs them can tell better than we what it lacks.
    let _ = mount(
        Some("cgroup2"),
        "/sys/fs/cgroup",
        Some("cgroup2"),
        plain,
        None::<&str>,
    );
    let _ = mount(Some("bpf"), "/sys/fs/bpf", Some("bpf"), plain, None::<&str>);
    // Opening it has the kernel load the driver.
    fs::create_dir_all("/dev/net")?;
    mknod(
        "/dev/net/tun",
        SFlag::S_IFCHR,
        Mode::from_bits_truncate(0o666),
        makedev(10, 200),
    )?;
    for (link, target) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, link)?;
    }
    Ok(())
}

fn write(path: &str, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| failed(error).doing("write", path))
}

/// Opens the port that the host has named after us. It appears shortly after its driver is loaded.
fn open_port() -> Result<File> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        for entry in fs::read_dir("/sys/class/virtio-ports")
            .into_iter()
            .flatten()
            .flatten()
        {
            let ours = fs::read_to_string(entry.path().join("name"))
                .is_ok_and(|name| name.trim() == "ipvsh");
            if ours {
                let device = Path::new("/dev").join(entry.file_name());
                if let Ok(port) = OpenOptions::new().read(true).write(true).open(device) {
                    return Ok(port);
                }
            }
        }
        thread::sleep(Duration::from_micros(500));
    }
    Err(Error::new(
        Kind::Timeout,
        "the port to the host does not appear",
    ))
}

fn await_go(port: &mut File) -> Result<Wiring> {
    loop {
        match Frame::read(port)? {
            Some(Frame::Go(wiring)) => return Ok(wiring),
            Some(_) => {}
            None => return Err(Error::new(Kind::Kernel, "the host is gone")),
        }
    }
}

/// Lets the host know every second that we are alive.
fn keep_beating(speaker: &Speaker) {
    let speaker = Arc::clone(speaker);
    thread::spawn(move || {
        while say(&speaker, &Frame::Beat).is_ok() {
            thread::sleep(Duration::from_secs(1));
        }
    });
}

/// Sends a frame to the host.
pub(super) fn say(speaker: &Speaker, frame: &Frame) -> io::Result<()> {
    let mut port = speaker.lock().unwrap_or_else(PoisonError::into_inner);
    frame.write(&mut *port)
}

fn read_command() -> Result<Command> {
    let mut words = initramfs::split(&fs::read(image::MARKER)?).into_iter();
    let program = words
        .next()
        .ok_or_else(|| Error::invalid("there is no program to run"))?;
    let environment = initramfs::split(&fs::read(image::ENVIRONMENT)?)
        .iter()
        .filter_map(split_variable)
        .collect();
    let folder = initramfs::split(&fs::read(image::FOLDER)?)
        .pop()
        .unwrap_or_else(|| "/".into());
    Ok(Command {
        program: PathBuf::from(program),
        args: words.collect(),
        environment,
        folder: PathBuf::from(folder),
        results: initramfs::split(&fs::read(image::RESULTS)?)
            .into_iter()
            .map(PathBuf::from)
            .collect(),
    })
}

fn split_variable(text: &OsString) -> Option<(OsString, OsString)> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = text.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let (name, value) = bytes.split_at(at);
    Some((
        OsString::from_vec(name.to_vec()),
        OsString::from_vec(value.get(1..)?.to_vec()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_split_at_its_first_equals_sign() {
        assert_eq!(
            split_variable(&"A=b=c".into()),
            Some(("A".into(), "b=c".into()))
        );
        assert_eq!(split_variable(&"A=".into()), Some(("A".into(), "".into())));
        assert_eq!(split_variable(&"A".into()), None);
    }
}
