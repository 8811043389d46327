//! Random typing: whatever is typed, what stands on the screen is what drawing it anew gives, and the session goes on.
//!
//! `IPVSH_SEED` names the first seed, `IPVSH_MINUTES` says for how long, `IPVSH_TRIES` how many: `make attack RINGS=typing`.

use std::fmt::Write;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use tempfile::TempDir;

use crate::Test;
use crate::terminal::{READS, Terminal};

pub(crate) const TESTS: &[Test] = &[("random_typing_garbles_nothing", random_typing)];

/// How many sessions there are where nobody says otherwise.
const FEW: u64 = 4;
/// How many entries a session has.
const ENTRIES: usize = 8;

/// What is typed beside single signs.
const PIECES: [&str; 34] = [
    "netns(\"",
    "let a = ",
    "a.",
    "a.ping(",
    "links",
    "fn f(x) {",
    "if true {",
    "} else {",
    "}",
    ")",
    "]",
    "#{",
    "addr: ",
    "\"10.0.0.1/24\"",
    "`",
    "\"",
    "print(",
    ":h",
    ":undo",
    ":vars",
    ":show",
    "ip ",
    "ip a",
    "日本",
    "e\u{301}",
    "😀",
    "// note",
    "/* ",
    " */",
    "[1, 2].map(|x| x)",
    "wait_",
    "within a {",
    "_",
    "?",
];

const KEYS: [&str; 40] = [
    "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[A", "\x1b[B", "\t", "\t", "\t", "\x1b[Z",
    "\x1b\r", "\x1b\r", "\x1b[H", "\x1b[F", "\x1b[5~", "\x1b[6~", "\x1b[3~", "\x7f", "\x7f",
    "\x01", "\x02", "x\x04", "\x05", "\x06", "\x07", "\x08", "\x0b", "\x0e", "\x10", "\x12",
    "\x14", "\x15", "\x17", "\x18\x15", "\x19", "\x1f", "\x1bb", "\x1bf", "\x1bd", "\x16\x01",
];

/// What Ctrl-L writes before it draws the line.
const CLEARS: &[u8] = b"\x1b[H\x1b[J";

fn chance(random: &mut Pcg32, most: usize) -> usize {
    usize::try_from(random.next_u32()).unwrap() % most
}

#[allow(clippy::print_stderr, reason = "a long run says how it goes")]
fn random_typing() {
    let number = |name| -> Option<u64> { Some(std::env::var(name).ok()?.parse().unwrap()) };
    let first = number("IPVSH_SEED").unwrap_or(1);
    let until = number("IPVSH_MINUTES").map(|minutes| Duration::from_secs(minutes * 60));
    let begin = Instant::now();
    let mut failures = String::new();
    let mut seed = first;
    let tries = number("IPVSH_TRIES").unwrap_or(FEW);
    while until.map_or(seed < first + tries, |until| begin.elapsed() < until) {
        let result = std::panic::catch_unwind(|| session(seed));
        if let Err(panic) = result {
            let told = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            writeln!(failures, "seed {seed}: {told}").unwrap();
            eprintln!("seed {seed}: {told}");
        }
        seed += 1;
    }
    eprintln!("{} sessions from seed {first} on", seed - first);
    assert!(failures.is_empty(), "{failures}");
}

fn session(seed: u64) {
    let mut random = Pcg32::seed_from_u64(seed);
    let folder = TempDir::new().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    // As nobody: what is typed may be the name of a file.
    let program = env!("CARGO_BIN_EXE_ipvsh");
    let user = [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        program,
        "--sandbox=ns",
    ];
    let mut terminal = Terminal::start_program("setpriv", &folder, &user);
    let rows = u16::try_from(8 + chance(&mut random, 40)).unwrap();
    let columns = u16::try_from(24 + chance(&mut random, 140)).unwrap();
    terminal.resize_to(rows, columns);
    terminal.wait_for_prompt();
    let mut mirror = Mirror::new(rows, columns);
    let mut typed = String::new();
    for entry in 0..ENTRIES {
        for _ in 0..=chance(&mut random, 3) {
            let keys = burst(&mut random);
            write!(typed, "{keys:?} ").unwrap();
            terminal.type_keys(&keys);
            mirror.compare(&mut terminal, &typed);
        }
        let end = ["\r", "\x03", "\x03\x15"][chance(&mut random, 3)];
        write!(typed, "{end:?} ").unwrap();
        let before = terminal.wait_for_bytes("what it wrote", |bytes| Some(reads(bytes)));
        terminal.type_keys(end);
        // Ctrl-C takes along what was typed and not read.
        if end.contains('\x03') {
            let is_anew = |bytes: &[u8]| (reads(bytes) > before).then_some(());
            terminal.wait_for_bytes("a new prompt", is_anew);
        }
        // What runs is ended, what goes on is left.
        let is_left = (0..10).any(|_| {
            let is_prompt = terminal.is_prompt_within(Duration::from_secs(1));
            if !is_prompt {
                terminal.type_keys("\x03");
            }
            is_prompt
        });
        assert!(is_left, "after {typed}:\n{}", terminal.screen());
        let sum = seed * 1000 + u64::try_from(entry).unwrap();
        terminal.type_keys(&format!(" {} + {entry}\r", seed * 1000));
        terminal.wait_for(&format!("\n{sum}\n"));
        assert!(!terminal.wrote("panicked at"), "after {typed}");
        assert!(terminal.is_prompt_within(Duration::from_secs(20)));
    }
}

/// How many lines the program began to read.
fn reads(bytes: &[u8]) -> usize {
    let windows = bytes.windows(READS.len());
    windows.filter(|window| *window == READS).count()
}

/// Some keys, or a text that is pasted.
fn burst(random: &mut Pcg32) -> String {
    let mut keys = String::new();
    for _ in 0..=chance(random, 25) {
        match chance(random, 10) {
            0..=2 => keys.push_str(PIECES[chance(random, PIECES.len())]),
            3..=6 => keys.push_str(KEYS[chance(random, KEYS.len())]),
            7 => {
                let lines = 1 + chance(random, 30);
                let pieces = (0..lines).map(|_| PIECES[chance(random, PIECES.len())]);
                let text: Vec<&str> = pieces.collect();
                write!(keys, "\x1b[200~{}\x1b[201~", text.join("\n")).unwrap();
            }
            _ => {
                let sign = u8::try_from(32 + chance(random, 95)).unwrap();
                // A program of the machine is no matter of this.
                keys.push(if sign == b'!' { ' ' } else { char::from(sign) });
            }
        }
    }
    keys
}

/// What stands on the screen, as far as it was looked at.
struct Mirror {
    screen: vt100::Parser,
    seen: usize,
}

impl Mirror {
    fn new(rows: u16, columns: u16) -> Self {
        let size = |count| std::num::NonZeroU16::new(count).unwrap();
        Self {
            screen: vt100::Parser::new(size(rows), size(columns), 0),
            seen: 0,
        }
    }

    /// Closes what is open, has the line drawn anew twice, and compares what stood there before with what stands there then.
    #[track_caller]
    fn compare(&mut self, terminal: &mut Terminal, typed: &str) {
        terminal.type_keys("\x07\x07\x0c\x0c");
        let clears = |bytes: &[u8]| -> Vec<usize> {
            let windows = bytes.windows(CLEARS.len()).enumerate();
            windows
                .filter(|(_, one)| *one == CLEARS)
                .map(|(at, _)| at)
                .collect()
        };
        let new = terminal.wait_for_bytes(&format!("a line drawn anew after {typed}"), |bytes| {
            (clears(&bytes[self.seen..]).len() >= 2).then(|| bytes[self.seen..].to_vec())
        });
        let places = clears(&new);
        let [.., first, second] = places[..] else {
            unreachable!("two were waited for");
        };
        self.screen.process(&new[..first]);
        let before = Shown::of(self.screen.screen());
        self.screen.process(&new[first..second]);
        let after = Shown::of(self.screen.screen());
        let end = second + CLEARS.len();
        self.screen.process(&new[second..end]);
        self.seen += end;
        let is_same = before.shows(&after);
        assert!(
            is_same,
            "after {typed}\nthere stood, with the cursor at {:?}\n{}\nand drawn anew, with the cursor at {:?}\n{}",
            before.cursor,
            before.rows.join("\n"),
            after.cursor,
            after.rows.join("\n"),
        );
    }
}

struct Shown {
    rows: Vec<String>,
    cursor: (u16, u16),
}

impl Shown {
    fn of(screen: &vt100::Screen) -> Self {
        // A ghost goes where the cursor moves away, and comes back.
        let (rows, columns) = (screen.size().0.get(), screen.size().1.get());
        let sign = |row, column| match screen.cell(row, column) {
            Some(cell) if cell.has_contents() && !cell.dim() => cell.contents().to_owned(),
            Some(cell) if cell.is_wide_continuation() => String::new(),
            _ => " ".to_owned(),
        };
        let row = |row| {
            (0..columns)
                .map(|column| sign(row, column))
                .collect::<String>()
        };
        Self {
            rows: (0..rows)
                .map(|number| row(number).trim_end().to_owned())
                .collect(),
            cursor: screen.cursor_position(),
        }
    }

    /// Whether the entry of `other`, which begins in its first row, stands here too, and nothing below it.
    fn shows(&self, other: &Self) -> bool {
        let (Some(top), true) = (
            self.cursor.0.checked_sub(other.cursor.0),
            self.cursor.1 == other.cursor.1,
        ) else {
            return false;
        };
        let here = &self.rows[usize::from(top)..];
        let (there, rest) = other.rows.split_at(here.len());
        here == there && rest.iter().all(String::is_empty)
    }
}
