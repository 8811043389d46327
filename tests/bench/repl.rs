//! How quick the session is to the hand: `cargo bench --bench repl`.
//!
//! In a real pseudo-terminal, from the last key to the prompt or list being on the screen: start to first prompt, `1+1`, and
//! completion while 1,000 namespaces, and 1,000 links, stand. The median of each.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement prints its result, and one that can't go on has failed"
)]

#[allow(
    dead_code,
    reason = "the measurements use a part of what the tests use"
)]
#[path = "../repl/terminal.rs"]
mod terminal;

use std::time::{Duration, Instant};

use tempfile::TempDir;
use terminal::Terminal;

const ROUNDS: usize = 21;

fn median(mut measure: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<_> = (0..ROUNDS).map(|_| measure()).collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

fn say(what: &str, time: Duration) {
    println!("{what:46} {time:>10.2?}");
}

fn main() {
    let folder = TempDir::new().unwrap();
    say(
        "start to first prompt, in private namespaces",
        median(|| {
            let start = Instant::now();
            let _terminal = Terminal::start(&folder);
            start.elapsed()
        }),
    );
    let start = || {
        let mut terminal = Terminal::start_with(&folder, &[]);
        terminal.wait_for_prompt();
    };
    say(
        "start to first prompt",
        median(|| {
            let begin = Instant::now();
            start();
            begin.elapsed()
        }),
    );
    let mut terminal = Terminal::start(&folder);
    terminal.enter("1+1");
    say(
        "Enter to prompt for 1+1",
        median(|| {
            terminal.type_keys("1+1");
            terminal.wait_for("> 1+1");
            let start = Instant::now();
            terminal.enter("");
            let time = start.elapsed();
            terminal.enter(":clear");
            time
        }),
    );
    terminal.enter("for i in 0..1000 { netns(`many-${i}`) }");
    terminal.enter("let big = netns(`many-0`)");
    terminal.enter("for i in 0..500 { big.veth(`left${i}`, `right${i}`) }");
    say(
        "Tab over 1,000 namespaces",
        complete(&mut terminal, "netns(\"many-9", "many-999"),
    );
    say(
        "Tab over 1,000 links",
        complete(&mut terminal, "big.link(\"left49", "left498"),
    );
    say(
        "Tab for the methods of a namespace",
        complete(&mut terminal, "big.pi", "big.ping("),
    );
}

/// From Tab to the candidates on the screen.
fn complete(terminal: &mut Terminal, typed: &str, seen: &str) -> Duration {
    median(|| {
        terminal.enter(":clear");
        terminal.type_keys(typed);
        terminal.wait_for(typed);
        let start = Instant::now();
        terminal.type_keys("\t");
        // More than fit on the screen are asked for.
        terminal.wait_until("the candidates", |screen| {
            let contents = screen.contents();
            contents.contains(seen) || contents.contains("Display all")
        });
        let time = start.elapsed();
        terminal.type_keys("n\x15");
        terminal.type_keys("\x03");
        terminal.wait_for_prompt();
        time
    })
}
