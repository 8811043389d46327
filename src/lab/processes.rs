//! The processes of a lab: started once, found again by the next run, ended with the lab.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::lab::journal::{self, Journal};
use crate::lab::recognise;
use crate::lab::record::{Contents, Found, Place};
use crate::lab::undo::{Undo, WayBack};
use crate::lab::{Command, Lab, Object, Outcome};
use crate::net::netns::Netns;
use crate::net::process::{self, Output, Process, Program, Recording, Tie};

/// A process that an earlier run of the lab has started.
#[derive(Debug)]
pub(super) struct Earlier {
    number: u64,
    place: Option<Place>,
    process: Process,
    program: Program,
    output: PathBuf,
}

impl Earlier {
    /// Those that a journal tells of.
    pub(super) fn of(contents: &Contents) -> Vec<Self> {
        let steps = contents.steps.iter();
        let processes = steps.filter_map(|step| match &step.undo.way {
            WayBack::EndProcess {
                process,
                program,
                output,
            } => Some(Self {
                number: step.number,
                place: step.undo.netns.clone(),
                process: *process,
                program: (**program).clone(),
                output: output.clone(),
            }),
            _ => None,
        });
        processes.collect()
    }

    /// Whether it is `program` in `netns`.
    fn is(&self, netns: &Netns, program: &Program) -> bool {
        self.program == *program && self.place.as_ref().is_some_and(|place| place.is(netns))
    }

    /// What would end it.
    fn ending(&self, netns: &Rc<Netns>) -> Undo {
        let way = WayBack::EndProcess {
            process: self.process,
            program: Box::new(self.program.clone()),
            output: self.output.clone(),
        };
        Undo::within(netns.clone(), way)
    }

    fn started(self) -> Result<Started> {
        Ok(Started {
            process: self.process,
            output: Output::open(&self.output)?,
            path: self.output,
            child: None,
        })
    }
}

/// The name of the file that the process of this number writes to.
fn file_name(lab: Option<&str>, number: usize) -> String {
    let own = Process::of(std::process::id()).unwrap_or_default();
    let lab = lab.unwrap_or("none");
    // The pid may be given anew, at another time.
    format!("{lab}-{}-{}-{number}", own.pid, own.began)
}

/// A process of the lab that runs; in a plan, none.
#[derive(Debug, Default)]
pub struct Started {
    /// Which one it is.
    pub process: Process,
    /// The file that it writes to.
    pub path: PathBuf,
    /// What it writes.
    pub output: Output,
    /// What its exit code is asked of; none where an earlier run has started it.
    pub child: Option<Child>,
}

impl Lab {
    /// Starts `program` in `netns`, unless an earlier run has and it still runs: then that one is taken over. Of what it writes,
    /// the last `size` bytes are kept.
    pub fn start_process(
        &self,
        netns: &Rc<Netns>,
        program: &Program,
        size: u32,
    ) -> Result<Started> {
        self.begin()?;
        if self.plans() {
            return self.plan_process(netns, program);
        }
        if let Some(started) = self.take_over(netns, program)? {
            self.report(
                Outcome::Unchanged,
                netns,
                Object::program("process", program),
            );
            return Ok(started);
        }
        let name = self.name();
        let mut command = program.command(netns, name.as_deref(), Tie::Free)?;
        let count = self.started.get() + 1;
        self.started.set(count);
        let recording = Recording::of(
            &mut command,
            &journal::run_folder(),
            &file_name(name.as_deref(), count),
            size,
            count == 1,
        )?;
        let path = recording.path.clone();
        let discard = || drop(std::fs::remove_file(&path));
        let output = Output::open(&path).inspect_err(|_| discard())?;
        let ending = |process| {
            let way = WayBack::EndProcess {
                process,
                program: Box::new(program.clone()),
                output: path.clone(),
            };
            Undo::within(netns.clone(), way)
        };
        self.trace.tell(|| {
            let (program, arguments) = program
                .argv
                .split_first()
                .map_or(("", &[][..]), |(p, a)| (p, a));
            Command::tool(program, netns, arguments).led_by(["setsid", "-f"])
        });
        let announced = self.announce(&ending(Process::default()));
        let number = announced.inspect_err(|_| discard())?;
        command.env(process::OUTPUT, &path);
        let started = Program::start(netns, || command.spawn());
        let child = started.inspect_err(|_| {
            discard();
            self.undone(number);
        })?;
        // Its ends of the pipe are the program's alone.
        drop(command);
        let process = Process::of(child.id()).ok_or_else(|| Error::invalid("it is gone"))?;
        if number > 0 {
            self.complete(number, Found::Process(process));
        }
        self.push(number, ending(process));
        let recorder = recording.start(process)?;
        let mut recorders = self.recorders.borrow_mut();
        // Those that have ended are to be asked for that.
        recorders.retain_mut(|one| matches!(one.try_wait(), Ok(None)));
        recorders.push(recorder);
        self.report(Outcome::Created, netns, Object::program("process", program));
        Ok(Started {
            process,
            path,
            output,
            child: Some(child),
        })
    }

    /// The processes of its own that record what its programs write.
    pub fn recorders(&self) -> Vec<u32> {
        self.recorders.borrow().iter().map(Child::id).collect()
    }

    /// What a plan says of it: nothing is started.
    fn plan_process(&self, netns: &Rc<Netns>, program: &Program) -> Result<Started> {
        let lab = self.name();
        program.command(netns, lab.as_deref(), Tie::Free)?;
        if self.started.replace(1) == 0
            && let Some(lab) = &lab
            && let Some((contents, _)) = Journal::peek(lab)?
        {
            self.earlier.replace(Earlier::of(&contents));
        }
        let mut earlier = self.earlier.borrow_mut();
        let found = earlier
            .iter()
            .position(|one| one.is(netns, program) && one.process.runs());
        let (outcome, started) = match found {
            Some(at) => {
                let found = earlier.remove(at);
                self.touch(&found.ending(netns));
                (Outcome::Unchanged, found.started()?)
            }
            None => (Outcome::Created, Started::default()),
        };
        self.report(outcome, netns, Object::program("process", program));
        Ok(started)
    }

    /// The process of an earlier run that is as asked; each is taken over once. Those that have ended are struck out.
    fn take_over(&self, netns: &Rc<Netns>, program: &Program) -> Result<Option<Started>> {
        let mut earlier = self.earlier.borrow_mut();
        let mut ended = Vec::new();
        earlier.retain(|one| {
            let runs = one.process.runs();
            if !runs && process::family(one.process, &one.output).is_empty() {
                let _ = std::fs::remove_file(&one.output);
                ended.push(one.number);
            }
            runs
        });
        let found = earlier.iter().position(|one| one.is(netns, program));
        let found = found.map(|at| earlier.remove(at));
        drop(earlier);
        for number in ended {
            self.undone(number);
        }
        if let Some(found) = &found {
            self.touch(&found.ending(netns));
        }
        found.map(Earlier::started).transpose()
    }

    /// Notes that a process has ended, and with it what is to be ended.
    pub fn process_ended(&self, process: Process, output: &Path) {
        if !process::family(process, output).is_empty() {
            return;
        }
        let _ = std::fs::remove_file(output);
        self.forget(|step| {
            matches!(&step.undo.way, WayBack::EndProcess { process: ended, .. } if *ended == process)
        });
    }

    /// The processes of the lab that are in the namespace.
    pub fn own_processes(&self, netns: &Netns) -> Vec<Process> {
        let (own, lab) = (std::process::id(), self.name());
        let inside = netns.processes().into_iter().filter(|pid| *pid != own);
        let ours = inside.filter(|pid| recognise::is_of_lab(*pid, lab.as_deref()));
        ours.filter_map(Process::of).collect()
    }

    /// Ends the processes of the lab that are in `netns`.
    pub async fn end_processes(&self, netns: &Netns) -> Result<()> {
        if self.plans() {
            return Ok(());
        }
        process::end_tree(|| self.own_processes(netns)).await?;
        for step in self.steps.borrow().iter() {
            if let WayBack::EndProcess { output, .. } = &step.undo.way
                && step.undo.is_in(netns.namespace().id())
            {
                let _ = std::fs::remove_file(output);
            }
        }
        Ok(())
    }
}
