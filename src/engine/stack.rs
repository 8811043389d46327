//! Room for deep scripts: the interpreter calls itself for every call in a script, and a script may never overflow the stack.

use std::cell::Cell;
use std::io;
use std::thread;

/// How much of it the interpreter gets. The kernel hands out only the part that is touched.
const SIZE: usize = 256 << 20;
/// Where that much can't be had (a limit on the address space, say).
const SMALL_SIZE: usize = 16 << 20;
/// What has to be left for the words themselves and for unwinding.
const RESERVE: usize = 512 << 10;
/// What is taken for granted on a thread that was not started here: Rust's own threads have 2 MiB.
const UNKNOWN_SIZE: usize = 2 << 20;

thread_local! {
    /// The lowest address down to which scripts may use the stack; 0 while nothing is known.
    static FLOOR: Cell<usize> = const { Cell::new(0) };
}

/// Runs `body` on a thread with a large stack and returns what it returned.
pub fn with_room<T: Send>(body: impl FnOnce() -> T + Send) -> io::Result<T> {
    use_one_arena();
    let mut body = Some(body);
    let mut result = None;
    for size in [SIZE, SMALL_SIZE] {
        let started = thread::scope(|scope| {
            let (body, result) = (&mut body, &mut result);
            let thread = thread::Builder::new().stack_size(size);
            let thread = thread.spawn_scoped(scope, move || {
                FLOOR.set(here().saturating_sub(size - RESERVE));
                if let Some(body) = body.take() {
                    *result = Some(body());
                }
            })?;
            match thread.join() {
                Ok(()) => Ok(()),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        match (started, result.take()) {
            (Ok(()), Some(result)) => return Ok(result),
            (Err(error), _) if size == SMALL_SIZE => return Err(error),
            _ => {}
        }
    }
    Err(io::ErrorKind::OutOfMemory.into())
}

/// Lets all threads allocate from one arena. glibc's arena for a further thread grows by one page at a time, each by a
/// system call, which is most of what it costs to start the interpreter there.
fn use_one_arena() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number in the allocator, under its lock.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Whether the stack of this thread is used up as far as scripts may use it.
pub(crate) fn is_used_up() -> bool {
    let floor = FLOOR.get();
    if floor == 0 {
        FLOOR.set(here().saturating_sub(UNKNOWN_SIZE - RESERVE));
        return false;
    }
    here() < floor
}

/// Down to where scripts may use the stack that runs now.
pub(crate) fn floor() -> usize {
    FLOOR.get()
}

/// Sets it to what [`floor`] said when that stack ran the last time.
pub(crate) fn set_floor(floor: usize) {
    FLOOR.set(floor);
}

/// Notes that a stack of that size begins here.
pub(crate) fn begin(size: usize) {
    FLOOR.set(here().saturating_sub(size - RESERVE));
}

/// About where the stack ends now.
#[inline(never)]
fn here() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}
