// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Long steps that can be watched.
//!
//! On a terminal a step is a line with a clock and the last line of what it prints. Elsewhere it is a
//! plain line on standard error when it begins, one each half minute, and one when it ends; these go
//! around the test harness's capture, so that `cargo test` is never silent for minutes.
//! What a step prints goes to a log file, of which the end is shown if it fails.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use thiserror::Error;

/// A step that did not succeed.
#[derive(Debug, Error)]
pub enum StepError {
    /// Its log cannot be written or read.
    #[error("{title}: the log {}: {source}", log.display())]
    Log {
        /// What the step does.
        title: String,
        /// The log.
        log: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its program cannot be started or waited for.
    #[error("{title}: cannot run {program}: {source}")]
    Run {
        /// What the step does.
        title: String,
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// Its program failed.
    #[error("{title}: {status}; the end of {}:\n{tail}", log.display())]
    Failed {
        /// What the step does.
        title: String,
        /// How the program ended.
        status: ExitStatus,
        /// Everything it printed.
        log: PathBuf,
        /// The end of it.
        tail: String,
    },
}

/// How often a step without a terminal says that it is still at work.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Bytes of a log's end that are read.
const TAIL: u64 = 4096;

/// Runs `command` as the step called `title`, all of its output going to `log`.
pub fn step(title: &str, log: &Path, mut command: Command) -> Result<(), StepError> {
    let log_error = |source| StepError::Log { title: title.to_owned(), log: log.to_owned(), source };
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).map_err(log_error)?;
    }
    let output = File::create(log).map_err(log_error)?;
    command.stdin(Stdio::null()).stdout(output.try_clone().map_err(log_error)?).stderr(output);
    let program = command.get_program().to_string_lossy().into_owned();
    let run_error = |source| StepError::Run { title: title.to_owned(), program: program.clone(), source };

    let watch = Watch::start(title);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(source) => {
            watch.end("failed");
            return Err(run_error(source));
        }
    };
    let status = loop {
        if let Some(status) = child.try_wait().map_err(run_error)? {
            break status;
        }
        thread::sleep(Duration::from_millis(100));
        watch.tick(log);
    };
    if status.success() {
        watch.end("done");
        return Ok(());
    }
    watch.end("failed");
    let tail = tail(log).map_err(log_error)?;
    Err(StepError::Failed {
        title: title.to_owned(),
        status,
        log: log.to_owned(),
        tail: last_lines(&tail, 25),
    })
}

/// Runs work that is no program as the step called `title`.
pub fn work<T, E>(title: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let watch = Watch::start(title);
    let result = work();
    watch.end(if result.is_ok() { "done" } else { "failed" });
    result
}

/// Says one line that is worth seeing also where output is captured.
pub fn say(line: &str) {
    // Nobody left to tell is no reason to fail.
    let _ = writeln!(io::stderr(), "{line}");
}

/// What is shown of a step under way.
struct Watch {
    title: String,
    begun: Instant,
    said: std::cell::Cell<Instant>,
    bar: Option<ProgressBar>,
}

impl Watch {
    fn start(title: &str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner().with_message(title.to_owned());
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} [{elapsed}] {prefix:.dim}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if bar.is_none() {
            say(&format!("  {title} …"));
        }
        let now = Instant::now();
        Self { title: title.to_owned(), begun: now, said: now.into(), bar }
    }

    /// Shows where the step is, by the last line of its log.
    fn tick(&self, log: &Path) {
        let due = if self.bar.is_some() { Duration::from_millis(500) } else { HEARTBEAT };
        if self.said.get().elapsed() < due {
            return;
        }
        self.said.set(Instant::now());
        let tail = tail(log).unwrap_or_default();
        let last: String = last_lines(&tail, 1).trim().chars().filter(|c| !c.is_control()).take(60).collect();
        match &self.bar {
            Some(bar) => bar.set_prefix(last),
            None => say(&format!("  {} … {} s so far: {last}", self.title, self.begun.elapsed().as_secs())),
        }
    }

    fn end(self, how: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        say(&format!("  {}: {how} in {:.1} s", self.title, self.begun.elapsed().as_secs_f64()));
    }
}

/// The end of a file, as text.
pub fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_shows_the_end_of_its_log() {
        let log = std::env::temp_dir().join(format!("virtio-tee-step-{}.log", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "seq 100; echo no luck >&2; exit 3"]);
        let error = step("try", &log, command).unwrap_err();
        fs::remove_file(&log).unwrap();
        let StepError::Failed { status, tail, .. } = &error else { panic!("{error}") };
        assert_eq!(status.code(), Some(3));
        assert!(tail.ends_with("99\n100\nno luck"), "{tail}");
        assert!(!tail.contains("\n50\n"), "{tail}");
    }
}
