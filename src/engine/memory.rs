//! How much memory a script takes, and the end of a run that takes too much.
//!
//! Every allocation is counted, by thread. Between two steps of a script the interpreter looks whether it is too much, and the run
//! fails as any other does. Where one step alone takes far too much, or the system has no more, there is nobody to come back to: the
//! process becomes one that takes down what the run made.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::{CString, c_char};
use std::fs;
use std::path::Path;
use std::ptr::null;
use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit};

/// What is taken before anybody looks how much there may be.
const UNASKED: isize = 32 << 20;

/// The most that a script may take, unless the command line gives it more.
const MOST: u64 = 4 << 30;

/// The least that it may take, however little there is.
const LEAST: u64 = 16 << 20;

/// How many arguments the program may have that takes down what the run made.
const ARGUMENTS: usize = 15;

thread_local! {
    /// How many bytes this thread holds. What another thread has freed is counted there.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// Above it, an allocation is looked at.
    static ALARM: Cell<isize> = const { Cell::new(isize::MAX) };
    /// What the script on this thread may take; as much as there is while nobody has asked.
    static LIMIT: Cell<isize> = const { Cell::new(isize::MAX) };
    /// What the command line gives it; 0 where it says nothing.
    static GIVEN: Cell<u64> = const { Cell::new(0) };
}

/// The program, and its arguments, that this process becomes where it can't go on.
static WAY_OUT: OnceLock<Vec<CString>> = OnceLock::new();

/// Watches what the script on this thread takes from now on. `given` is what it may take; without it, that is a quarter of what is
/// free when it takes much for the first time.
pub fn watch(given: Option<u64>) {
    GIVEN.set(given.unwrap_or(0));
    LIMIT.set(isize::MAX);
    ALARM.set(given.map_or(UNASKED, |given| signed(given).min(UNASKED)));
}

/// Says what this process is to become where an allocation is refused: `arguments` of this very program.
pub fn set_way_out(arguments: Vec<String>) {
    let all = std::iter::once("ipvsh".to_owned()).chain(arguments);
    let all: Result<Vec<_>, _> = all.take(ARGUMENTS).map(CString::new).collect();
    if let Ok(all) = all {
        let _ = WAY_OUT.set(all);
    }
}

/// Whether the script on this thread has taken more than it may.
pub(crate) fn is_used_up() -> bool {
    HELD.get() > LIMIT.get()
}

/// What the script on this thread may take, where that was found out.
pub(crate) fn limit() -> Option<u64> {
    u64::try_from(LIMIT.get())
        .ok()
        .filter(|limit| *limit < signed_most())
}

fn signed(bytes: u64) -> isize {
    // Three times that much is still a number.
    isize::try_from(bytes)
        .unwrap_or(isize::MAX)
        .min(isize::MAX / 4)
}

fn signed_most() -> u64 {
    u64::try_from(isize::MAX / 2).unwrap_or(u64::MAX)
}

/// The allocator of the system, which is counted.
#[derive(Debug)]
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: each request is handed on to the allocator of the system as it came. What is done besides changes numbers of this thread,
// and allocates in between at most, when nothing of an allocation is under way.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's promise.
        granted(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's promise.
        granted(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub_unsigned(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HELD.set(HELD.get().wrapping_sub_unsigned(layout.size()));
        take(size);
        // SAFETY: the caller's promise.
        granted(unsafe { System.realloc(block, layout, size) })
    }
}

/// Counts what is about to be taken.
#[inline]
fn take(size: usize) {
    let held = HELD.get().saturating_add_unsigned(size);
    HELD.set(held);
    if held > ALARM.get() {
        look(held);
    }
}

/// Looks at an allocation by which the thread holds much.
#[cold]
fn look(held: isize) {
    if LIMIT.get() == isize::MAX {
        // To find out takes memory, too.
        ALARM.set(isize::MAX);
        let limit = match GIVEN.get() {
            0 => signed((free() / 4).clamp(LEAST, MOST)),
            given => signed(given),
        };
        LIMIT.set(limit);
        // A script that takes a little too much, as one does that doubles a text, is ended between two of its steps.
        ALARM.set(3 * limit);
    }
    if held > ALARM.get() {
        leave();
    }
}

/// What the system has given. Where it gives nothing to a script, there is no going on.
#[inline]
fn granted(block: *mut u8) -> *mut u8 {
    if block.is_null() && ALARM.get() != isize::MAX {
        leave();
    }
    block
}

/// Becomes the program that takes down what the run made.
fn leave() -> ! {
    if let Some(all) = WAY_OUT.get() {
        let mut arguments: [*const c_char; ARGUMENTS + 1] = [null(); ARGUMENTS + 1];
        for (pointer, argument) in arguments.iter_mut().zip(all) {
            *pointer = argument.as_ptr();
        }
        // SAFETY: the path and each argument end with a zero byte and live for ever; behind the last stands a null pointer. It takes
        // no memory.
        unsafe { libc::execv(c"/proc/self/exe".as_ptr(), arguments.as_ptr()) };
    }
    let text = b"error: there is no memory left\n";
    // SAFETY: the bytes are there, and so many.
    unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    std::process::abort()
}

/// The memory that is free: of the machine, of this process's group, of its address space.
fn free() -> u64 {
    let limits = [of_machine(), of_group(), of_address_space()];
    limits.into_iter().flatten().min().unwrap_or(MOST)
}

fn of_machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes << 10)
}

/// What the control groups leave that this process is in.
fn of_group() -> Option<u64> {
    let root = Path::new("/sys/fs/cgroup");
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let own = root.join(own);
    let number = |path: &Path, file| -> Option<u64> {
        let text = fs::read_to_string(path.join(file)).ok()?;
        text.trim().parse().ok()
    };
    let groups = own.ancestors().take_while(|path| path.starts_with(root));
    let left = groups.filter_map(|path| {
        let most = number(path, "memory.max")?;
        Some(most.saturating_sub(number(path, "memory.current").unwrap_or(0)))
    });
    left.min()
}

fn of_address_space() -> Option<u64> {
    let (limit, _) = getrlimit(Resource::RLIMIT_AS).ok()?;
    if limit == libc::RLIM_INFINITY {
        return None;
    }
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').next()?.parse().ok()?;
    Some(limit.saturating_sub(pages * 4096))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_counted_and_what_is_given_back_is_not() {
        let before = HELD.get();
        let mut block = vec![0_u8; 1 << 20];
        assert_eq!(HELD.get() - before, 1 << 20);
        block.reserve_exact(1 << 20);
        drop(block);
        assert_eq!(HELD.get(), before);
    }

    #[test]
    fn a_limit_is_found_when_much_is_taken_first() {
        std::thread::spawn(|| {
            watch(Some(64 << 20));
            assert_eq!(limit(), None);
            let _block = vec![0_u8; 48 << 20];
            assert_eq!((limit(), is_used_up()), (Some(64 << 20), false));
            let _more = vec![0_u8; 48 << 20];
            assert!(is_used_up());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn what_is_free_is_found_out() {
        assert!(free() > LEAST, "{}", free());
    }
}
