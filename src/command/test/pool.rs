//! Runs tests: as many side by side as there are processors, each in a process of its own, and those that need another kernel in
//! one micro-VM behind them.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::child::{self, End};
use super::done::{Done, Item, Kernel, Outcome};
use super::worker::PLACE;
use crate::command::line::{Color, Options, Test};
use crate::dsl::kinds::kind;
use crate::sandbox::vm;
use crate::view::error::Report;

/// How many run at a time in a micro-VM: it has one processor, and most tests wait for something now and then.
const IN_GUEST: usize = 4;

/// How many times as long a test may take there.
const IN_GUEST_LONGER: u32 = 4;

/// What the tests are run with.
pub(super) struct Pool<'a> {
    pub(super) asked: &'a Test,
    pub(super) options: &'a Options,
    pub(super) interrupted: &'a AtomicBool,
}

impl Pool<'_> {
    /// Runs the tests on this machine's kernel; `told` hears of each that is done, by its number. Returns those that the kernel
    /// lacks something for, with what that is.
    pub(super) fn run_here(
        &self,
        items: &[Item],
        told: &mut dyn FnMut(usize, Done),
    ) -> Vec<(usize, String)> {
        let left = Mutex::new((0..items.len()).collect::<VecDeque<usize>>());
        let stop = AtomicBool::new(false);
        let (sender, receiver) = channel();
        let mut lacking = Vec::new();
        thread::scope(|threads| {
            for _ in 0..width().min(items.len()) {
                let sender = sender.clone();
                threads.spawn(|| self.work(items, &left, &stop, sender));
            }
            drop(sender);
            lacking = self.hear(&receiver, &stop, told);
        });
        lacking
    }

    fn work(
        &self,
        items: &[Item],
        left: &Mutex<VecDeque<usize>>,
        stop: &AtomicBool,
        sender: Sender<(usize, Done)>,
    ) {
        let is_over = || stop.load(Ordering::Relaxed) || self.interrupted.load(Ordering::Relaxed);
        while !is_over() {
            let next = left
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some(index) = next else { return };
            let Some(done) = self.run_one(&items[index]) else {
                return;
            };
            if sender.send((index, done)).is_err() {
                return;
            }
        }
    }

    fn hear(
        &self,
        receiver: &Receiver<(usize, Done)>,
        stop: &AtomicBool,
        told: &mut dyn FnMut(usize, Done),
    ) -> Vec<(usize, String)> {
        let mut lacking = Vec::new();
        for (index, done) in receiver {
            match &done.outcome {
                Outcome::Lacks(what) => {
                    lacking.push((index, what.clone()));
                    continue;
                }
                Outcome::Failed(_) if self.asked.fail_fast => stop.store(true, Ordering::Relaxed),
                _ => {}
            }
            told(index, done);
        }
        if stop.load(Ordering::Relaxed) {
            lacking.clear();
        }
        lacking.sort_unstable();
        lacking
    }

    /// Runs one test; nothing where the whole run was interrupted.
    fn run_one(&self, item: &Item) -> Option<Done> {
        let start = Instant::now();
        if let Some(failed) = &item.refused {
            return Some(Done {
                outcome: Outcome::Failed(failed.clone()),
                took: Duration::ZERO,
                output: String::new(),
                kernel: None,
            });
        }
        let arguments = self.arguments(item, "--one");
        let (end, output) = child::run(&arguments, self.asked.timeout, self.interrupted);
        let took = start.elapsed();
        Some(match end {
            End::Interrupted => return None,
            End::Failed(report) => Done::failed(report, took, output),
            End::Told(told) => match Outcome::from_json(&told) {
                Some(outcome) => Done {
                    outcome,
                    took,
                    output,
                    kernel: None,
                },
                None => Done::failed(Report::new("the test told nothing"), took, output),
            },
        })
    }

    /// The arguments of a process that runs the test.
    pub(super) fn arguments(&self, item: &Item, how: &str) -> Vec<String> {
        let mut arguments = vec!["--color=never".to_owned()];
        if let Some(memory) = self.options.memory {
            arguments.insert(0, format!("--memory={memory}"));
        }
        let row = match &item.row {
            Some((number, _)) => format!("[{number}]"),
            None => String::new(),
        };
        let (file, function) = (item.file.display(), &item.function);
        arguments.extend(["test".to_owned(), format!("{how}={file}::{function}{row}")]);
        arguments
    }

    /// Runs all tests on each of the kernels: as many micro-VMs side by side as there are processors.
    pub(super) fn run_on(
        &self,
        items: &[Item],
        kernels: &[Kernel],
        told: &mut dyn FnMut(usize, Done),
    ) {
        let chosen: Vec<usize> = (0..items.len()).collect();
        let chosen = chosen.as_slice();
        // What is to end with the first failure begins nothing beside it.
        let width = if self.asked.fail_fast { 1 } else { width() };
        let mut has_failed = false;
        for beside in kernels.chunks(width) {
            let (sender, receiver) = channel();
            thread::scope(|threads| {
                for kernel in beside {
                    let sender = sender.clone();
                    threads.spawn(move || {
                        // Nobody hears of it any more where the whole run is over.
                        let mut tell = |index, done| drop(sender.send((index, done)));
                        self.run_in_vm(items, chosen, kernel, &mut tell);
                    });
                }
                drop(sender);
                for (index, done) in receiver {
                    has_failed |= matches!(done.outcome, Outcome::Failed(_));
                    told(index, done);
                }
            });
            let is_enough = self.asked.fail_fast && has_failed;
            if is_enough || self.interrupted.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Runs those tests in a micro-VM, all of them in one.
    pub(super) fn run_in_vm(
        &self,
        items: &[Item],
        chosen: &[usize],
        kernel: &Kernel,
        told: &mut dyn FnMut(usize, Done),
    ) {
        let mut left: Vec<usize> = chosen.to_vec();
        let start = Instant::now();
        let mut has_failed = false;
        let said = self.machine(items, chosen, kernel, |event| {
            let place = left.iter().position(|index| is_of(&items[*index], event));
            let (Some(place), Some(outcome)) = (place, Outcome::from_json(event)) else {
                return;
            };
            has_failed |= matches!(outcome, Outcome::Failed(_));
            let millis = event["duration_ms"].as_f64().unwrap_or_default();
            let done = Done {
                outcome: match outcome {
                    Outcome::Lacks(what) => lacks(&what, Some(kernel)),
                    outcome => outcome,
                },
                took: Duration::from_secs_f64(millis / 1000.0),
                output: event["output"].as_str().unwrap_or_default().to_owned(),
                kernel: Some(kernel.clone()),
            };
            told(left.remove(place), done);
        });
        let is_enough = self.asked.fail_fast && has_failed;
        if is_enough || self.interrupted.load(Ordering::Relaxed) {
            return;
        }
        // What it has not told of went down with it.
        for index in left {
            let mut report = Report::new("the micro-VM ended before the test did");
            report.notes = said.lines().map(str::to_owned).collect();
            let mut done = Done::failed(report, start.elapsed(), String::new());
            done.kernel = Some(kernel.clone());
            told(index, done);
        }
    }

    /// Boots the machine and hears its events; returns what it said besides.
    fn machine(
        &self,
        items: &[Item],
        chosen: &[usize],
        kernel: &Kernel,
        mut hear: impl FnMut(&Value),
    ) -> String {
        let mut arguments = vec!["--json".to_owned()];
        if let Some(memory) = self.options.memory {
            arguments.push(format!("--memory={memory}"));
        }
        // Without KVM a machine is emulated, and takes several times as long for everything.
        let limit = self.asked.timeout * IN_GUEST_LONGER;
        let timeout = format!("--timeout={}ms", limit.as_millis());
        let repeat = format!("--repeat={}", self.asked.repeat);
        arguments.extend(["test".to_owned(), "--inside".to_owned(), timeout, repeat]);
        arguments.extend(kernel.wanted().map(|wanted| format!("--kernel={wanted}")));
        if self.asked.fail_fast {
            arguments.push("--fail-fast".to_owned());
        }
        arguments.push("--".to_owned());
        let first = chosen.iter().filter(|index| items[**index].run == 1);
        arguments.extend(first.map(|index| items[*index].id()));
        let started = Command::new("/proc/self/exe")
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut machine = match started {
            Ok(machine) => machine,
            Err(error) => return crate::error::Error::io(&error).to_string(),
        };
        let (Some(output), Some(mut errors)) = (machine.stdout.take(), machine.stderr.take())
        else {
            return String::new();
        };
        let errors = thread::spawn(move || {
            let mut said = Vec::new();
            let _ = errors.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Ok(event) = serde_json::from_str(&line) {
                hear(&event);
            }
        }
        let _ = machine.wait();
        errors.join().unwrap_or_default()
    }
}

/// How many run at a time.
fn width() -> usize {
    let processors = thread::available_parallelism().map_or(1, Into::into);
    if vm::is_guest() { IN_GUEST } else { processors }
}

/// Whether an event tells of the test.
fn is_of(item: &Item, event: &Value) -> bool {
    let run = event["run"]
        .as_u64()
        .and_then(|run| usize::try_from(run).ok());
    event["test"].as_str() == Some(&item.id()) && run == Some(item.run)
}

/// What becomes of a test that the kernel lacks something for, or this one where none is named.
pub(super) fn lacks(what: &str, kernel: Option<&Kernel>) -> Outcome {
    let whose = match kernel {
        Some(kernel) if kernel.is_asked_for => format!("kernel {} does not have", kernel.release),
        Some(kernel) => format!(
            "the kernel of the micro-VM, {}, does not have either",
            kernel.release
        ),
        None => "this kernel does not have".to_owned(),
    };
    Outcome::Skipped(format!("it needs {what}, which {whose}"))
}

/// Whether the kernel of the micro-VM has what a test needs.
pub(super) fn has(means: &vm::Means, what: &str) -> bool {
    what == PLACE || kind::of_word(what).is_none_or(|kind| means.has_module(kind.module))
}

/// How a process of ours colours.
pub(super) fn color_word(color: Color) -> &'static str {
    match color {
        Color::Auto => "--color=auto",
        Color::Always => "--color=always",
        Color::Never => "--color=never",
    }
}
