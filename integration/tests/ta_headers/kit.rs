// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a C compiler and gdb tell of a folder of headers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Arguments that macros with parameters are tried with.
const ARGUMENTS: [&str; 5] = ["5", "3", "2", "1", "7"];

/// Headers that want others before them.
const NOT_ALONE: [(&str, &str); 1] = [("tee_api_compat.h", "tee_api_types.h")];

/// A macro, and how many parameters it has where it has any.
pub(crate) type Macros = BTreeMap<String, Option<usize>>;

/// Headers of a development kit.
pub(crate) struct Kit {
    include: PathBuf,
    /// Where programs are compiled.
    out: PathBuf,
    /// As a TA sees it that asks for API 1.1.
    gp11: bool,
}

impl Kit {
    /// The headers below `include`; `out` is for temporary files.
    pub(crate) fn new(include: &Path, out: &Path, gp11: bool) -> Self {
        fs::create_dir_all(out).unwrap();
        Self { include: include.to_owned(), out: out.to_owned(), gp11 }
    }

    /// All of its headers, by the names that they are included by.
    pub(crate) fn headers(&self) -> BTreeSet<String> {
        let mut headers = BTreeSet::new();
        let mut folders = vec![self.include.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&self.include).unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if name.ends_with(".h") {
                    headers.insert(name);
                }
            }
        }
        headers
    }

    /// The macros that `header` itself defines and leaves defined.
    pub(crate) fn macros(&self, header: &str) -> Macros {
        let source = include(header);
        let output = self.compile(&source, &["-E", "-dD"]);
        let text = succeeded(output, header);
        let file = self.include.join(header).to_string_lossy().into_owned();
        let mut macros = Macros::new();
        let (mut inside, mut first) = (false, true);
        for line in text.lines() {
            if let Some(marker) = line.strip_prefix("# ") {
                inside = marker.split('"').nth(1) == Some(&file);
            } else if let Some(definition) = line.strip_prefix("#define ").filter(|_| inside) {
                let end = definition.find([' ', '(']).unwrap_or(definition.len());
                let parameters = definition[end..].strip_prefix('(').map(|rest| {
                    let list = &rest[..rest.find(')').unwrap()];
                    if list.is_empty() {
                        0
                    } else {
                        list.split(',').count()
                    }
                });
                let (name, body) = (&definition[..end], &definition[end..]);
                // Not what guards a header against being included twice: the first one, which stands for nothing.
                let is_guard = std::mem::replace(&mut first, false) && body.trim().is_empty();
                if !is_guard {
                    macros.insert(name.to_owned(), parameters);
                }
            } else if let Some(name) = line.strip_prefix("#undef ") {
                macros.remove(name);
            }
        }
        macros
    }

    /// Of those of `macros` that stand for an integer, a string or another name: for which.
    pub(crate) fn values(&self, header: &str, macros: &Macros) -> BTreeMap<String, String> {
        let uses: Vec<(&String, String)> = macros
            .iter()
            .map(|(name, parameters)| {
                let list = parameters.map(|count| format!("({})", ARGUMENTS[..count.min(5)].join(",")));
                (name, name.clone() + &list.unwrap_or_default())
            })
            .collect();
        let check = |of: &dyn Fn(&str) -> String| {
            let lines: Vec<String> = uses.iter().map(|(_, used)| of(used)).collect();
            self.wrong_lines(header, &lines)
        };
        let not_integers = check(&|used| {
            format!("_Static_assert(__builtin_constant_p((unsigned long long)({used})), \"\");")
        });
        let not_strings =
            check(&|used| format!("_Static_assert(sizeof(\"\" {used} \"\") && sizeof(*({used})), \"\");"));
        let mut prints = String::new();
        for (index, (name, used)) in uses.iter().enumerate() {
            if !not_strings.contains(&index) {
                prints += &format!("say(\"{name} \\\"%s\\\"\\n\", {used});\n");
            } else if !not_integers.contains(&index) {
                prints += &format!("say(\"{name} %#llx\\n\", (unsigned long long)({used}));\n");
            }
        }
        let say = "int say(const char *, ...) __asm__(\"printf\");";
        let source = format!("{}{say}\nint main(void) {{\n{prints}return 0; }}\n", include(header));
        let program = self.out.join("values");
        succeeded(self.compile(&source, &["-o", &program.to_string_lossy()]), header);
        let printed = succeeded(Command::new(&program).output().unwrap(), header);
        let mut values: BTreeMap<String, String> = printed
            .lines()
            .map(|line| {
                let (name, value) = line.split_once(' ').unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect();
        for (name, expansion) in self.expansions(header, macros) {
            if expansion.chars().all(|c| c.is_alphanumeric() || c == '_') {
                values.entry(name).or_insert(expansion);
            }
        }
        values
    }

    /// What the macros without parameters become.
    fn expansions(&self, header: &str, macros: &Macros) -> BTreeMap<String, String> {
        let plain = macros.iter().filter(|(_, parameters)| parameters.is_none());
        let lines: String = plain.map(|(name, _)| format!("@ \"{name}\" {name}\n")).collect();
        let text = succeeded(self.compile(&(include(header) + &lines), &["-E", "-P"]), header);
        let lines = text.lines().filter_map(|line| line.strip_prefix("@ \""));
        let lines = lines.filter_map(|line| line.split_once("\" "));
        lines.map(|(name, expansion)| (name.to_owned(), expansion.trim().to_owned())).collect()
    }

    /// Those of `macros` that are not defined where `header` is included.
    pub(crate) fn undefined(&self, header: &str, macros: &Macros) -> BTreeSet<String> {
        let names: Vec<&String> = macros.keys().collect();
        let lines: Vec<String> =
            names.iter().map(|name| format!("#ifndef {name}\n#line {{}}\nint int;\n#endif")).collect();
        let numbered: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(index, line)| line.replace("{}", &(index + 1).to_string()))
            .collect();
        self.wrong_lines(header, &numbered).into_iter().map(|index| names[index].clone()).collect()
    }

    /// The functions that `header` itself declares, with their types.
    pub(crate) fn functions(&self, header: &str) -> BTreeMap<String, String> {
        let list = self.out.join("functions");
        let source = include(header);
        let options = ["-fsyntax-only", "-aux-info", &list.to_string_lossy()];
        succeeded(self.compile(&source, &options), header);
        let file = self.include.join(header).to_string_lossy().into_owned();
        let mut functions = BTreeMap::new();
        // Lines of `/* FILE:LINE:KIND */ extern RESULT NAME (PARAMETERS);`
        for line in fs::read_to_string(&list).unwrap().lines() {
            let Some((place, declaration)) =
                line.strip_prefix("/* ").and_then(|line| line.split_once(" */ "))
            else {
                continue;
            };
            if place.split(':').next() != Some(&file) {
                continue;
            }
            let end = declaration.find(';').unwrap();
            let declaration = &declaration[..end];
            let open = declaration.find(" (").unwrap();
            let start = declaration[..open].rfind([' ', '*']).unwrap() + 1;
            let name = &declaration[start..open];
            let storage = ["extern ", "static ", "inline "];
            let mut result = &declaration[..start];
            while let Some(rest) = storage.iter().find_map(|word| result.strip_prefix(word)) {
                result = rest;
            }
            // The compiler's inner name of `va_list`, as a parameter.
            let parameters = declaration[open + 1..].replace("__va_list_tag *", "__builtin_va_list");
            functions.insert(name.to_owned(), format!("{result}{parameters}"));
        }
        functions
    }

    /// Those of `functions` that `header` does not declare, or with other types.
    pub(crate) fn lacks(&self, header: &str, functions: &BTreeMap<String, String>) -> Vec<String> {
        let lines: Vec<String> = functions
            .iter()
            .map(|(name, of)| {
                format!("_Static_assert(__builtin_types_compatible_p(__typeof__({name}), {of}), \"\");")
            })
            .collect();
        // For API 1.1 the names are macros as well, which are compared as such.
        let types = ["TEE_Attribute", "TEE_ObjectInfo", "TEE_Param"];
        let undo: String = functions
            .keys()
            .map(String::as_str)
            .chain(types)
            .filter(|_| self.gp11)
            .map(|name| format!("#undef {name}\n"))
            .collect();
        let wrong = self.wrong_lines_after(&(include(header) + &undo), &lines);
        functions
            .keys()
            .enumerate()
            .filter(|(index, _)| wrong.contains(index))
            .map(|(_, name)| name.clone())
            .collect()
    }

    /// The types that `header` itself names.
    pub(crate) fn types(&self, header: &str) -> BTreeSet<String> {
        let object = self.object(header);
        let list = gdb(&object, &["info types".to_owned()]);
        let file = self.include.join(header).to_string_lossy().into_owned();
        let mut types = BTreeSet::new();
        let mut inside = false;
        // `File PATH:`, and below it lines of `NUMBER:  typedef OTHER NAME;` or `NUMBER:  struct NAME;`
        for line in list.lines() {
            if let Some(path) = line.strip_prefix("File ") {
                inside = path.strip_suffix(':') == Some(&file);
            } else if let Some((_, declaration)) = line.split_once(":  ").filter(|_| inside) {
                let declaration = declaration.trim_end_matches(';');
                let name = match declaration.strip_prefix("typedef ") {
                    Some(definition) => definition.rsplit([' ', '*']).next().unwrap(),
                    None => declaration,
                };
                types.insert(name.to_owned());
            }
        }
        types
    }

    /// How `types` are laid out, as gdb draws it.
    pub(crate) fn layouts(&self, header: &str, types: &BTreeSet<String>) -> BTreeMap<String, String> {
        if types.is_empty() {
            return BTreeMap::new();
        }
        let object = self.object(header);
        let commands: Vec<String> =
            types.iter().flat_map(|of| [format!("echo @{of}\\n"), format!("ptype /o {of}")]).collect();
        let printed = gdb(&object, &commands);
        printed
            .split('@')
            .skip(1)
            .map(|part| {
                let (name, layout) = part.split_once('\n').unwrap();
                (name.to_owned(), layout.split_whitespace().collect::<Vec<_>>().join(" "))
            })
            .collect()
    }

    /// An object file that has all types of `header` in its debugging information.
    fn object(&self, header: &str) -> PathBuf {
        let object = self.out.join("types.o");
        let source = include(header) + "int unused;\n";
        let options = ["-c", "-g", "-fno-eliminate-unused-debug-types", "-o", &object.to_string_lossy()];
        succeeded(self.compile(&source, &options), header);
        object
    }

    /// Which of `lines`, after `header`, the compiler complains of.
    fn wrong_lines(&self, header: &str, lines: &[String]) -> BTreeSet<usize> {
        self.wrong_lines_after(&include(header), lines)
    }

    fn wrong_lines_after(&self, before: &str, lines: &[String]) -> BTreeSet<usize> {
        let source = format!("{before}#line 1 \"probe\"\n{}\n", lines.join("\n"));
        let options = ["-fsyntax-only", "-fmax-errors=0", "-fno-diagnostics-show-caret"];
        let output = self.compile(&source, &options);
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        let wrong = complaints
            .lines()
            .filter(|line| line.contains("error:"))
            .filter_map(|line| line.strip_prefix("probe:")?.split(':').next()?.parse::<usize>().ok())
            .map(|line| line - 1)
            .collect::<BTreeSet<_>>();
        assert!(output.status.success() || !wrong.is_empty(), "{complaints}");
        wrong
    }

    fn compile(&self, source: &str, options: &[&str]) -> Output {
        let file = self.out.join("probe.c");
        fs::write(&file, source).unwrap();
        Command::new("gcc")
            .args(["-std=gnu11", "-w", "-DTRACE_LEVEL=4"])
            .args(self.gp11.then_some("-D__OPTEE_CORE_API_COMPAT_1_1=1"))
            .arg("-I")
            .arg(&self.include)
            .args(options)
            .arg(&file)
            .output()
            .unwrap_or_else(|error| panic!("gcc: {error}: apt-get install gcc"))
    }
}

fn include(header: &str) -> String {
    let before = NOT_ALONE.iter().filter(|(name, _)| *name == header);
    before.map(|(_, before)| *before).chain([header]).map(|name| format!("#include <{name}>\n")).collect()
}

fn gdb(object: &Path, commands: &[String]) -> String {
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-ex", "set width 0"]);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    let output = gdb.arg(object).output().unwrap_or_else(|error| panic!("gdb: {error}: apt-get install gdb"));
    succeeded(output, "gdb")
}

fn succeeded(output: Output, what: &str) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
