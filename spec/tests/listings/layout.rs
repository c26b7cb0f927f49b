// SPDX-License-Identifier: BSD-3-Clause
//! What both sides are brought to: names with values, and structures with fields at offsets; and
//! the comparison of two of them.

use std::collections::{BTreeMap, BTreeSet};

/// One side: everything it defines, by the name the specification's text has for it.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// What the side is called in messages.
    pub(crate) origin: String,
    /// `#define`s, or `const`s.
    pub(crate) defines: BTreeMap<String, Define>,
    /// Structures, without the word `struct`.
    pub(crate) structs: BTreeMap<String, Struct>,
}

/// A number with a name.
#[derive(Debug)]
pub(crate) struct Define {
    pub(crate) line: usize,
    pub(crate) value: u64,
}

/// A structure.
#[derive(Debug)]
pub(crate) struct Struct {
    pub(crate) line: usize,
    pub(crate) fields: Vec<Field>,
    pub(crate) size: usize,
}

/// A field of a structure.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) line: usize,
    pub(crate) name: String,
    /// Its type in C, with the length of an array as a number: `le32`, `u8[16]`, `struct virtio_tee_run`.
    pub(crate) ty: String,
    pub(crate) offset: usize,
    pub(crate) size: usize,
}

/// A type as it is written, with what it takes to know its size.
#[derive(Debug)]
pub(crate) struct Type {
    /// `u8`, `le32`, `le64`, or a structure's name with the word `struct` before it.
    pub(crate) element: String,
    /// The length of an array.
    pub(crate) count: Option<u64>,
}

impl Layout {
    pub(crate) fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..Self::default() }
    }

    /// Adds a number.
    pub(crate) fn define(&mut self, line: usize, name: &str, value: u64) -> Result<(), String> {
        match self.defines.insert(name.to_owned(), Define { line, value }) {
            None => Ok(()),
            Some(first) => {
                Err(format!("{}:{line}: {name} is defined on line {} already", self.origin, first.line))
            }
        }
    }

    /// Adds a structure, whose fields follow each other without padding.
    pub(crate) fn structure(
        &mut self,
        line: usize,
        name: &str,
        fields: Vec<(usize, String, Type)>,
    ) -> Result<(), String> {
        let mut placed: Vec<Field> = Vec::new();
        let mut offset = 0;
        for (line, field, ty) in fields {
            if placed.iter().any(|other| other.name == field) {
                return Err(format!("{}:{line}: struct {name} has two fields {field}", self.origin));
            }
            let element = self.size_of(&ty.element).map_err(|e| format!("{}:{line}: {e}", self.origin))?;
            let (size, ty) = match ty.count {
                None => (element, ty.element),
                Some(count) => (element * count as usize, format!("{}[{count}]", ty.element)),
            };
            placed.push(Field { line, name: field, ty, offset, size });
            offset += size;
        }
        match self.structs.insert(name.to_owned(), Struct { line, fields: placed, size: offset }) {
            None => Ok(()),
            Some(first) => Err(format!(
                "{}:{line}: struct {name} is defined on line {} already",
                self.origin, first.line
            )),
        }
    }

    fn size_of(&self, element: &str) -> Result<usize, String> {
        match element {
            "u8" => Ok(1),
            "le16" => Ok(2),
            "le32" => Ok(4),
            "le64" => Ok(8),
            _ => match element.strip_prefix("struct ").and_then(|name| self.structs.get(name)) {
                Some(structure) => Ok(structure.size),
                None => Err(format!("{element} is not defined before this line")),
            },
        }
    }
}

/// Says in how many ways `a` and `b` differ, each with the lines to look at.
pub(crate) fn differences(a: &Layout, b: &Layout) -> Vec<String> {
    let mut found = Vec::new();
    for name in a.defines.keys().chain(b.defines.keys()).collect::<BTreeSet<_>>() {
        match (a.defines.get(name), b.defines.get(name)) {
            (Some(x), Some(y)) if x.value == y.value => {}
            (x, y) => found.push(mismatch(a, b, name, x.map(of_define), y.map(of_define))),
        }
    }
    for name in a.structs.keys().chain(b.structs.keys()).collect::<BTreeSet<_>>() {
        match (a.structs.get(name), b.structs.get(name)) {
            (Some(x), Some(y)) => found.extend(field_differences(a, b, name, x, y)),
            (x, y) => {
                found.push(mismatch(a, b, &format!("struct {name}"), x.map(of_struct), y.map(of_struct)));
            }
        }
    }
    found
}

fn field_differences(a: &Layout, b: &Layout, name: &str, x: &Struct, y: &Struct) -> Vec<String> {
    let mut found = Vec::new();
    let all = x.fields.iter().chain(&y.fields).map(|field| &field.name).collect::<BTreeSet<_>>();
    for field in all {
        let of = |structure: &Struct| {
            structure.fields.iter().find(|other| other.name == *field).map(|field| {
                let Field { line, ty, offset, size, .. } = field;
                (*line, format!("{ty} at offset {offset}, {size} bytes"))
            })
        };
        match (of(x), of(y)) {
            (Some((_, x)), Some((_, y))) if x == y => {}
            (x, y) => found.push(mismatch(a, b, &format!("struct {name}, field {field}"), x, y)),
        }
    }
    if found.is_empty() && x.size != y.size {
        found.push(mismatch(a, b, &format!("struct {name}"), Some(of_struct(x)), Some(of_struct(y))));
    }
    found
}

fn of_define(define: &Define) -> (usize, String) {
    (define.line, format!("{} ({:#x})", define.value, define.value))
}

fn of_struct(structure: &Struct) -> (usize, String) {
    (structure.line, format!("{} bytes", structure.size))
}

/// `name: what at a:line, what at b:line`.
fn mismatch(
    a: &Layout,
    b: &Layout,
    name: &str,
    x: Option<(usize, String)>,
    y: Option<(usize, String)>,
) -> String {
    let side = |layout: &Layout, what: Option<(usize, String)>| match what {
        Some((line, what)) => format!("{what} ({}:{line})", layout.origin),
        None => format!("missing ({})", layout.origin),
    };
    format!("{name}: {} but {}", side(a, x), side(b, y))
}
