// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The calls that the command line asks for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use rustix::fs::{memfd_create, MemfdFlags};
use tee::{
    gp, Access, CancelToken, Failure, Lifetime, MemRef, Memory, OpenSession, Param as TeeParam, Run, Tee,
};
use uuid::Uuid;

const PAGE: u64 = 4096;

/// Why the TA could not be called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No memory to hand over.
    #[error("memory for a parameter: {0}")]
    Memory(io::Error),
    /// A file is to be handed over and cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Which function.
    pub(crate) function: u32,
    /// With what.
    pub(crate) params: Vec<Param>,
}

/// One parameter, as the command line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Param {
    /// Not used.
    None,
    /// Two numbers.
    Value(Direction, u32, u32),
    /// Bytes, for the TA to read, and where it says so, write.
    Bytes(Direction, Vec<u8>),
    /// The content of a file.
    File(PathBuf),
    /// So many bytes for the TA to write.
    Room(u64),
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the TA.
    In,
    /// From it.
    Out,
    /// Both.
    InOut,
}

impl From<Direction> for Access {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::In => Self::Input,
            Direction::Out => Self::Output,
            Direction::InOut => Self::InOut,
        }
    }
}

impl FromStr for Call {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let function = number(parts.next().unwrap_or_default())?;
        let params = parts.map(str::parse).collect::<Result<Vec<_>, _>>()?;
        if params.len() > 4 {
            return Err("more than four parameters".to_owned());
        }
        Ok(Self { function, params })
    }
}

impl FromStr for Param {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once('=').unwrap_or((text, ""));
        Ok(match kind {
            "none" => Self::None,
            "in" | "inout" => {
                let (a, b) = rest.split_once(',').unwrap_or((rest, "0"));
                let direction = if kind == "in" { Direction::In } else { Direction::InOut };
                Self::Value(direction, number(a)?, number(b)?)
            }
            "out" => Self::Value(Direction::Out, 0, 0),
            "text" => Self::Bytes(Direction::In, rest.into()),
            "bytes" => Self::Bytes(Direction::In, hex(rest)?),
            "buffer" => Self::Bytes(Direction::InOut, hex(rest)?),
            "file" => Self::File(rest.into()),
            "room" => Self::Room(number(rest)?.into()),
            _ => return Err(format!("{kind}: not in, inout, out, text, file, bytes, room, buffer or none")),
        })
    }
}

/// Decimal, or hexadecimal after `0x`.
fn number(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|error| format!("{text:?}: {error}"))
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    let bad = || format!("{text:?}: not pairs of hexadecimal digits");
    if !text.is_ascii() || text.len() % 2 != 0 {
        return Err(bad());
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| bad()))
        .collect()
}

/// What came of the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All were made, whatever they returned.
    Made,
    /// The TA died in one.
    Dead,
}

/// Opens a session with the TA `uuid`, makes `calls`, and closes it; prints what comes back.
pub(crate) fn make(tee: &dyn Tee, uuid: Uuid, open: &[Param], calls: &[Call]) -> Result<Outcome, Error> {
    let never = CancelToken::new();
    let dead = |failure: &Failure| failure.ret == gp::ERROR_TARGET_DEAD;
    let context = match tee.open_context() {
        Ok(context) => context,
        Err(failure) => return Ok(report("context", Err(failure), &[])),
    };
    let mut buffers = Buffers::new(open)?;
    let request = OpenSession { uuid, login: gp::LOGIN_PUBLIC, client: Uuid::nil() };
    let session = match context.open_session(&request, &mut buffers.params, &never) {
        Ok(session) => session,
        Err(failure) => return Ok(report("open session", Err(failure), &buffers.results()?)),
    };
    for (index, call) in calls.iter().enumerate() {
        let mut buffers = Buffers::new(&call.params)?;
        let result = session.invoke(call.function, &mut buffers.params, &never);
        report(&format!("call {index}, function {}", call.function), result, &buffers.results()?);
        for param in &buffers.params {
            if let TeeParam::MemRef { buffer: Some(part), .. } = param {
                context.release_memory(&part.memory);
            }
        }
        if result.as_ref().is_err_and(dead) {
            return Ok(Outcome::Dead);
        }
    }
    session.close(&never);
    Ok(Outcome::Made)
}

fn report(what: &str, result: Result<(), Failure>, results: &[String]) -> Outcome {
    let (text, outcome) = match result {
        Ok(()) => ("success".to_owned(), Outcome::Made),
        Err(failure) if failure.ret == gp::ERROR_TARGET_DEAD => ("the TA has died".to_owned(), Outcome::Dead),
        Err(failure) => (format!("{:#010x} from {:?}", failure.ret, failure.origin), Outcome::Made),
    };
    println!("{what}: {text}");
    for result in results {
        println!("  {result}");
    }
    outcome
}

/// The parameters of a call, with the memory behind them.
struct Buffers {
    params: Vec<TeeParam>,
    files: Vec<Option<Arc<File>>>,
}

impl Buffers {
    fn new(of: &[Param]) -> Result<Self, Error> {
        let mut buffers = Self { params: Vec::new(), files: Vec::new() };
        for param in of {
            match param {
                Param::None => buffers.push(TeeParam::None, None),
                Param::Value(direction, a, b) => {
                    let (a, b) = ((*a).into(), (*b).into());
                    buffers.push(TeeParam::Value { access: (*direction).into(), a, b, c: 0 }, None);
                }
                Param::Bytes(direction, bytes) => {
                    buffers.push_memory(*direction, bytes, bytes.len() as u64)?;
                }

                Param::File(path) => {
                    let bytes = std::fs::read(path).map_err(|error| Error::File(path.clone(), error))?;
                    buffers.push_memory(Direction::In, &bytes, bytes.len() as u64)?;
                }
                Param::Room(size) => buffers.push_memory(Direction::Out, &[], *size)?,
            }
        }
        Ok(buffers)
    }

    fn push(&mut self, param: TeeParam, file: Option<Arc<File>>) {
        self.params.push(param);
        self.files.push(file);
    }

    fn push_memory(&mut self, direction: Direction, bytes: &[u8], size: u64) -> Result<(), Error> {
        let fd =
            memfd_create("ta-debug", MemfdFlags::CLOEXEC).map_err(|error| Error::Memory(error.into()))?;
        let file = Arc::new(File::from(fd));
        let len = size.max(1).next_multiple_of(PAGE);
        file.set_len(len).map_err(Error::Memory)?;
        file.write_all_at(bytes, 0).map_err(Error::Memory)?;
        let run = Run { file: file.clone(), offset: 0, len };
        let memory = Arc::new(Memory::new(vec![run], Lifetime::Transient));
        let buffer = Some(MemRef { memory, offset: 0 });
        self.push(TeeParam::MemRef { access: direction.into(), buffer, size }, Some(file));
        Ok(())
    }

    /// What the TA has written, a line for each.
    fn results(&self) -> Result<Vec<String>, Error> {
        let mut results = Vec::new();
        for (index, (param, file)) in self.params.iter().zip(&self.files).enumerate() {
            match (param, file) {
                (TeeParam::Value { access, a, b, .. }, _) if *access != Access::Input => {
                    results.push(format!("p{index} = {a:#x}, {b:#x}"));
                }
                (TeeParam::MemRef { access, size, .. }, Some(file)) if *access != Access::Input => {
                    let room = file.metadata().map_err(Error::Memory)?.len();
                    let mut bytes = vec![0; (*size).min(room).min(256) as usize];
                    file.read_exact_at(&mut bytes, 0).map_err(Error::Memory)?;
                    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    let more = if *size > bytes.len() as u64 { "…" } else { "" };
                    results.push(format!("p{index} = {hex}{more} ({size} bytes)"));
                }
                _ => {}
            }
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read() {
        let call: Call = "0x10:inout=1,0x2:text=a=b:out:room=16".parse().unwrap();
        assert_eq!(call.function, 16);
        let text = Param::Bytes(Direction::In, b"a=b".to_vec());
        let values = (Param::Value(Direction::InOut, 1, 2), Param::Value(Direction::Out, 0, 0));
        assert_eq!(call.params, [values.0, text, values.1, Param::Room(16)]);
        assert_eq!("bytes=00ff".parse(), Ok(Param::Bytes(Direction::In, vec![0, 255])));
    }

    #[test]
    fn what_is_no_call_is_told() {
        for (text, what) in [
            ("", "\"\""),
            ("x", "\"x\""),
            ("1:bytes=0", "hexadecimal"),
            ("1:bytes=é", "hexadecimal"),
            ("1:value=1", "value: not in"),
            ("1:in=1,y", "\"y\""),
            ("1:out:out:out:out:out", "four"),
        ] {
            let error = text.parse::<Call>().unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
