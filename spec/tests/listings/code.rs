// SPDX-License-Identifier: BSD-3-Clause
//! Reads the crate's side: the constants and `wire_struct!`s of `wire.rs`.

use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{braced, Attribute, Expr, ExprLit, Ident, Item, Lit, Token, UseTree};

use crate::layout::{Layout, Type};

/// Reads a `wire.rs`. Any item but `use`, `const`, `wire_struct!` and the latter's definition is an error.
pub(crate) fn read(origin: &str, code: &str) -> Result<Layout, String> {
    let mut layout = Layout::new(origin);
    let file = syn::parse_file(code).map_err(|e| format!("{origin}:{}: {e}", e.span().start().line))?;
    for item in &file.items {
        let line = item.span().start().line;
        let problem = |what: String| format!("{origin}:{line}: {what}");
        match item {
            Item::Use(item) => {
                // The kernel has these crates and no others to give to the guest driver.
                let UseTree::Path(path) = &item.tree else {
                    return Err(problem("use of something without a path".to_owned()));
                };
                if !["core", "zerocopy", "zerocopy_derive"].contains(&path.ident.to_string().as_str()) {
                    return Err(problem(format!("use of {}, which the kernel does not have", path.ident)));
                }
            }
            Item::Const(item) => {
                let line = item.ident.span().start().line;
                let value = number(&item.expr, &layout).map_err(problem)?;
                layout.define(line, &item.ident.to_string(), value)?;
            }
            Item::Macro(item) if item.mac.path.is_ident("macro_rules") => {}
            Item::Macro(item) if item.mac.path.is_ident("wire_struct") => {
                let structure: WireStruct =
                    item.mac.parse_body().map_err(|e| format!("{origin}:{}: {e}", e.span().start().line))?;
                let mut fields = Vec::new();
                for field in &structure.fields {
                    let ty = c_type(&field.ty, &layout).map_err(problem)?;
                    fields.push((field.name.span().start().line, field.name.to_string(), ty));
                }
                let line = structure.name.span().start().line;
                layout.structure(line, &c_name(&structure.name.to_string()), fields)?;
            }
            _ => return Err(problem("neither a constant nor a structure of the wire".to_owned())),
        }
    }
    Ok(layout)
}

/// The body of a `wire_struct!`.
struct WireStruct {
    name: Ident,
    fields: Vec<WireField>,
}

struct WireField {
    name: Ident,
    ty: syn::Type,
}

impl Parse for WireStruct {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Attribute::parse_outer(input)?;
        let name = input.parse()?;
        let content;
        braced!(content in input);
        let fields = content.parse_terminated(WireField::parse, Token![,])?.into_iter().collect();
        Ok(Self { name, fields })
    }
}

impl Parse for WireField {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Attribute::parse_outer(input)?;
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Self { name, ty: input.parse()? })
    }
}

/// `OpenDeviceResp` → `virtio_tee_open_device_resp`.
pub(crate) fn c_name(rust: &str) -> String {
    let mut name = "virtio_tee".to_owned();
    for letter in rust.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn c_type(ty: &syn::Type, layout: &Layout) -> Result<Type, String> {
    match ty {
        syn::Type::Path(path) => {
            let name = path.path.require_ident().map_err(|e| e.to_string())?.to_string();
            let element = match name.as_str() {
                "u8" => "u8".to_owned(),
                "U32" => "le32".to_owned(),
                "U64" => "le64".to_owned(),
                _ => format!("struct {}", c_name(&name)),
            };
            Ok(Type { element, count: None })
        }
        syn::Type::Array(array) => {
            let Type { element, count: None } = c_type(&array.elem, layout)? else {
                return Err("an array of arrays".to_owned());
            };
            Ok(Type { element, count: Some(number(&array.len, layout)?) })
        }
        _ => Err("a type that C's side has no word for".to_owned()),
    }
}

/// A literal, the name of a constant above, or a type's `MAX`.
fn number(expr: &Expr, layout: &Layout) -> Result<u64, String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) => {
            literal.base10_parse().map_err(|e| e.to_string())
        }
        Expr::Path(path) => {
            let segments: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
            match segments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["u32", "MAX"] => Ok(u32::MAX.into()),
                ["u64", "MAX"] => Ok(u64::MAX),
                [name] if layout.defines.contains_key(name) => Ok(layout.defines[name].value),
                _ => Err(format!("{} is not a constant known here", segments.join("::"))),
            }
        }
        _ => Err("a constant that is not a plain number".to_owned()),
    }
}
