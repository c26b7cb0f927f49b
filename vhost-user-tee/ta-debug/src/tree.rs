// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The TA's source tree: building it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::{env, fs, io};

use object::elf::{DT_NEEDED, DT_RUNPATH};
use object::read::elf::{Dyn, ElfFile64, FileHeader};
use object::{LittleEndian, ReadCache};
use uuid::Uuid;

/// Why there is no TA.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A folder cannot be used.
    #[error("{0}: {1}")]
    Folder(PathBuf, io::Error),
    /// No make.
    #[error("make: {0}. Install it with: apt-get install make")]
    NoMake(io::Error),
    /// It does not build.
    #[error("make -C {0}: {1}")]
    Make(PathBuf, ExitStatus),
    /// Not one TA.
    #[error("{0}: {1} files named <uuid>.ta were built, instead of one")]
    NotOne(PathBuf, usize),
    /// The TA cannot be read.
    #[error("{0}: {1}")]
    Elf(PathBuf, object::Error),
}

/// A TA that was built.
#[derive(Debug)]
pub(crate) struct Built {
    /// Where it is, and all else that was built.
    pub(crate) folder: PathBuf,
    /// Which it is.
    pub(crate) uuid: Uuid,
    /// Folder for what is found.
    pub(crate) results: PathBuf,
}

/// Builds the tree of `ta`, with make's `TA_BUILD=kind`; `compiler` where the user names none.
pub(crate) fn build(ta: &crate::Ta, kind: &str, compiler: &str) -> Result<Built, Error> {
    let tree = fs::canonicalize(&ta.tree).map_err(|error| Error::Folder(ta.tree.clone(), error))?;
    let results = match &ta.out {
        Some(out) => out.clone(),
        None => Path::new("target/ta-debug").join(tree.file_name().unwrap_or_default()),
    };
    let folder = results.join(kind);
    fs::create_dir_all(&folder).map_err(|error| Error::Folder(folder.clone(), error))?;
    let absolute = |path: &Path| fs::canonicalize(path).map_err(|error| Error::Folder(path.into(), error));
    let (results, folder) = (absolute(&results)?, absolute(&folder)?);
    let status = Command::new("make")
        .arg("--silent")
        .arg("-C")
        .arg(&tree)
        .arg(format!("TA_DEV_KIT_DIR={}", kit().display()))
        .arg(format!("O={}", folder.display()))
        .arg(format!("TA_BUILD={kind}"))
        .arg(format!("COMPILER={}", ta.compiler.as_deref().unwrap_or(compiler)))
        // For TAs in Rust.
        .env("CARGO_PROFILE_RELEASE_DEBUG", "true")
        .env_remove("MAKEFLAGS")
        .status()
        .map_err(Error::NoMake)?;
    if !status.success() {
        return Err(Error::Make(tree, status));
    }
    let entries = fs::read_dir(&folder).map_err(|error| Error::Folder(folder.clone(), error))?;
    let uuids: Vec<Uuid> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ta"))
        .filter_map(|path| path.file_stem()?.to_str()?.parse().ok())
        .collect();
    match uuids[..] {
        [uuid] => Ok(Built { folder, uuid, results }),
        _ => Err(Error::NotOne(folder, uuids.len())),
    }
}

impl Built {
    /// The TA's file.
    fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.ta", self.uuid))
    }

    /// The shared runtime of AddressSanitizer that the TA needs, if it does, which has to be loaded before
    /// any other library: by its name, or where that is not enough by its path.
    pub(crate) fn sanitizer(&self) -> Result<Option<PathBuf>, Error> {
        let path = self.file();
        let file = fs::File::open(&path).map_err(|error| Error::Folder(path.clone(), error))?;
        let (needed, folders) = dynamic(&ReadCache::new(file)).map_err(|error| Error::Elf(path, error))?;
        let Some(name) = needed.into_iter().find(|name| name.contains("asan")) else { return Ok(None) };
        let found = folders.iter().map(|folder| Path::new(folder).join(&name)).find(|path| path.exists());
        Ok(Some(found.unwrap_or_else(|| name.into())))
    }
}

/// The libraries that a file needs, and the folders in which it looks for them.
fn dynamic(file: &ReadCache<fs::File>) -> Result<(Vec<String>, Vec<String>), object::Error> {
    let elf = ElfFile64::<LittleEndian, _>::parse(file)?;
    let sections = elf.elf_header().sections(LittleEndian, file)?;
    let mut found = (Vec::new(), Vec::new());
    let Some((entries, strings)) = sections.dynamic(LittleEndian, file)? else { return Ok(found) };
    let strings = sections.strings(LittleEndian, file, strings)?;
    for entry in entries {
        let text = || {
            let text = entry.val32(LittleEndian).and_then(|at| strings.get(at).ok());
            String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
        };
        match entry.tag32(LittleEndian) {
            Some(DT_NEEDED) => found.0.push(text()),
            Some(DT_RUNPATH) => found.1.extend(text().split(':').map(str::to_owned)),
            _ => {}
        }
    }
    Ok(found)
}

/// The TA dev kit: that of this source tree, unless the environment names another.
fn kit() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("ta-dev-kit");
    env::var_os("TA_DEV_KIT_DIR").map_or_else(own, PathBuf::from)
}
