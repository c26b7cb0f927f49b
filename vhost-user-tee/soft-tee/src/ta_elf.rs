// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What is read of ELF files: of a TA, whether it can be loaded, and of the runtime, what it offers.

use std::collections::HashSet;
use std::fs::File;

use object::elf::{DT_NEEDED, ET_DYN, PT_INTERP, PT_LOAD};
use object::read::elf::{Dyn, ElfFile64, FileHeader, ProgramHeader};
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, ReadCache, ReadRef};
use ta_protocol::ta_head::{self, TaHead};
use uuid::Uuid;
use zerocopy::FromBytes;

use crate::ta_log::printable;

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = object::elf::EM_X86_64;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = object::elf::EM_AARCH64;

/// What a TA exports (GP TEE Internal Core API 1.3.1, section 4.3).
const ENTRY_POINTS: [&str; 5] = [
    "TA_CreateEntryPoint",
    "TA_DestroyEntryPoint",
    "TA_OpenSessionEntryPoint",
    "TA_CloseSessionEntryPoint",
    "TA_InvokeCommandEntryPoint",
];

/// How the names begin that the runtime may offer to TAs.
const OFFERED: [&str; 6] = ["TEE_", "__GP11_TEE_", "__utee_", "_utee_", "utee_", "tee_"];

type Elf<'data, R> = ElfFile64<'data, LittleEndian, R>;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Not an ELF file of 64 bits, or only the beginning of one.
    #[error("not a whole 64-bit little-endian ELF file ({0})")]
    NotElf(#[from] object::Error),
    /// A part of the file is missing.
    #[error("truncated: it ends before byte {0}")]
    Truncated(u64),
    /// Made for another machine.
    #[error("made for another machine (ELF machine {0}, this is {MACHINE})")]
    Machine(u16),
    /// A program, or an object file.
    #[error("not a shared object")]
    NotShared,
    /// Not a TA.
    #[error("not a TA: no section {} of {} bytes", ta_head::SECTION, size_of::<TaHead>())]
    NoHead,
    /// Another TA.
    #[error("it is TA {0} by its header")]
    OtherUuid(Uuid),
    /// An entry point is missing.
    #[error("it does not export {0}")]
    NoEntryPoint(&'static str),
    /// It calls what there is not.
    #[error("it needs {0}, which this version does not provide")]
    NotProvided(String),
    /// It needs a shared library without a name.
    #[error("the name of a shared library that it needs cannot be read")]
    LibraryName,
    /// It needs a shared library.
    #[error("it needs the shared library {0}, which is not there in a TA's process")]
    Library(String),
}

/// What the runtime offers to TAs.
#[derive(Debug)]
pub(crate) struct Offer {
    symbols: HashSet<String>,
    /// `None`: whatever a TA needs.
    libraries: Option<HashSet<String>>,
}

impl Offer {
    /// Reads it from the runtime's program file, of which it is a small part.
    pub(crate) fn read(program: File) -> Result<Self, Error> {
        let program = ReadCache::new(program);
        let file = parse(&program)?;
        let symbols = file
            .dynamic_symbols()
            .filter(ObjectSymbol::is_definition)
            .filter_map(|symbol| symbol.name().ok().map(str::to_owned))
            .filter(|name| is_offered(name))
            .collect();
        // On arm64 a TA needs the dynamic linker by name: it has the stack protector's canary.
        let libraries = needed(&file)?.into_iter().chain(linker(&file)?).collect();
        Ok(Self { symbols, libraries: Some(libraries) })
    }

    /// From now on, a TA may need any shared library.
    pub(crate) fn allow_any_library(&mut self) {
        self.libraries = None;
    }

    fn has_library(&self, name: &String) -> bool {
        self.libraries.as_ref().is_none_or(|libraries| libraries.contains(name))
    }

    /// Whether anything is offered: it is a runtime, rather than some other program.
    pub(crate) fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }
}

/// Checks that `ta` is the TA `uuid`, and can be loaded; returns its header.
pub(crate) fn check(ta: &[u8], uuid: Uuid, offer: &Offer) -> Result<TaHead, Error> {
    let file = parse(ta)?;
    let mut shared = file.elf_header().e_type(LittleEndian) == ET_DYN;
    for segment in file.elf_program_headers() {
        shared &= segment.p_type(LittleEndian) != PT_INTERP;
        let end = segment.p_offset(LittleEndian).saturating_add(segment.p_filesz(LittleEndian));
        if segment.p_type(LittleEndian) == PT_LOAD && end > ta.len() as u64 {
            return Err(Error::Truncated(end));
        }
    }
    if !shared {
        return Err(Error::NotShared);
    }
    let head = read_head(&file, uuid)?;
    check_symbols(&file, offer)?;
    match needed(&file)?.into_iter().find(|library| !offer.has_library(library)) {
        Some(library) => Err(Error::Library(printable(library.as_bytes()))),
        None => Ok(head),
    }
}

/// The header of the TA `uuid`, of which little more is read.
pub(crate) fn head(ta: File, uuid: Uuid) -> Result<TaHead, Error> {
    read_head(&parse(&ReadCache::new(ta))?, uuid)
}

fn read_head<'data, R: ReadRef<'data>>(file: &Elf<'data, R>, uuid: Uuid) -> Result<TaHead, Error> {
    let head = file.section_by_name(ta_head::SECTION).ok_or(Error::NoHead)?;
    let head = head.data()?.get(..size_of::<TaHead>()).ok_or(Error::NoHead)?;
    let head = TaHead::read_from_bytes(head).map_err(|_| Error::NoHead)?;
    if head.uuid() != uuid {
        return Err(Error::OtherUuid(head.uuid()));
    }
    Ok(head)
}

fn parse<'data, R: ReadRef<'data>>(data: R) -> Result<Elf<'data, R>, Error> {
    let file = Elf::parse(data)?;
    let machine = file.elf_header().e_machine(LittleEndian);
    if machine != MACHINE {
        return Err(Error::Machine(machine));
    }
    Ok(file)
}

fn is_offered(name: &str) -> bool {
    OFFERED.iter().any(|prefix| name.starts_with(prefix))
}

fn check_symbols<'data>(file: &Elf<'data, &'data [u8]>, offer: &Offer) -> Result<(), Error> {
    let mut defined = HashSet::new();
    let mut missing = Vec::new();
    for symbol in file.dynamic_symbols() {
        let name = symbol.name()?;
        if symbol.is_definition() {
            defined.insert(name);
        } else if is_offered(name) && !symbol.is_weak() && !offer.symbols.contains(name) {
            missing.push(name);
        }
    }
    if let Some(entry_point) = ENTRY_POINTS.into_iter().find(|name| !defined.contains(name)) {
        return Err(Error::NoEntryPoint(entry_point));
    }
    if !missing.is_empty() {
        return Err(Error::NotProvided(printable(missing.join(", ").as_bytes())));
    }
    Ok(())
}

/// The name of the dynamic linker that a program is loaded by, and which then is in its process.
fn linker<'data, R: ReadRef<'data>>(file: &Elf<'data, R>) -> Result<Option<String>, Error> {
    for segment in file.elf_program_headers() {
        if let Some(path) = segment.interpreter(LittleEndian, file.data())? {
            let name = path.rsplit(|byte| *byte == b'/').next();
            return Ok(name.map(|name| String::from_utf8_lossy(name).into_owned()));
        }
    }
    Ok(None)
}

/// The shared libraries that a file needs (`DT_NEEDED`).
fn needed<'data, R: ReadRef<'data>>(file: &Elf<'data, R>) -> Result<Vec<String>, Error> {
    let sections = file.elf_section_table();
    let Some((entries, strings)) = sections.dynamic(LittleEndian, file.data())? else {
        return Ok(Vec::new());
    };
    let strings = sections.strings(LittleEndian, file.data(), strings)?;
    entries
        .iter()
        .filter(|entry| entry.tag32(LittleEndian) == Some(DT_NEEDED))
        .map(|entry| {
            let name = entry.val32(LittleEndian).and_then(|at| strings.get(at).ok());
            Ok(String::from_utf8_lossy(name.ok_or(Error::LibraryName)?).into_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_dynamic_linker_is_known_by_name() {
        // This program has the one that a runtime built beside it has.
        let program = ReadCache::new(File::open(std::env::current_exe().unwrap()).unwrap());
        let name = linker(&parse(&program).unwrap()).unwrap();
        assert!(name.as_ref().is_some_and(|name| name.starts_with("ld-")), "{name:?}");
    }
}
