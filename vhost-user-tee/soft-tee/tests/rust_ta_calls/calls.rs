// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Which functions of its library a TA calls, as the compiler has it: each function of the TA's own is a section of
//! its object file, and what it calls is what the linker would have to put there.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolKind};
use rustc_demangle::demangle;
use syn::{QSelf, TypePath};

use crate::library::{name_of, without_arguments};

/// The crates, as names of functions begin with them.
const TA: &str = "rust_check_ta::";
const LIBRARY: &str = "optee_utee";

/// The functions of `optee-utee` that functions of the TA refer to, in each way that [`crate::library`] may name them.
pub(crate) fn of_the_ta() -> BTreeSet<String> {
    let file = soft_tee_testing::rust_test_ta_object();
    let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let object = object::File::parse(&*bytes).unwrap();
    // The function of each section.
    let functions: HashMap<SectionIndex, String> = object
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text)
        .filter_map(|symbol| Some((symbol.section_index()?, format!("{:#}", demangle(symbol.name().ok()?)))))
        .collect();
    let mut called = BTreeSet::new();
    for section in object.sections() {
        if !functions.get(&section.index()).is_some_and(|name| name.starts_with(TA)) {
            continue;
        }
        for (_, relocation) in section.relocations() {
            let RelocationTarget::Symbol(target) = relocation.target() else { continue };
            let target = object.symbol_by_index(target).unwrap();
            // A function of the same file may be named by its section.
            match (target.kind(), target.section_index()) {
                (SymbolKind::Section, Some(section)) => {
                    functions.get(&section).into_iter().for_each(|name| called.extend(names(name)));
                }
                _ => called.extend(names(&format!("{:#}", demangle(target.name().unwrap())))),
            }
        }
    }
    called
}

/// What [`crate::library`] may call the function `name`, which is one of `function`, `<Type>::function` and
/// `<Type as Trait>::function` with full paths and all arguments. Nothing if it is none, or another crate's.
fn names(name: &str) -> Vec<String> {
    let Ok(TypePath { qself, path }) = syn::parse_str(name) else { return Vec::new() };
    let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let Some((function, path)) = segments.split_last() else { return Vec::new() };
    match (qself, path) {
        (None, [library, ..]) if library == LIBRARY => vec![function.clone()],
        (Some(QSelf { ty, .. }), []) if name.starts_with(&format!("<{LIBRARY}::")) => {
            let ty = name_of(&ty).unwrap_or_default();
            vec![format!("{}::{function}", without_arguments(&ty)), format!("{ty}::{function}")]
        }
        (Some(QSelf { ty, .. }), [library, .., of]) if library == LIBRARY => {
            let ty = name_of(&ty).unwrap_or_default();
            vec![format!("{of}::{function}"), format!("<{ty} as {of}>::{function}")]
        }
        _ => Vec::new(),
    }
}
