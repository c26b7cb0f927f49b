// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The software TEE by itself: no device, no rings.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::sync::Arc;

use openssl::symm::{Cipher, Crypter, Mode};
use rustix::fs::{ftruncate, memfd_create, MemfdFlags};
use soft_tee::{Config, Limits, SoftTee, State};
use tee::{
    Access, CancelToken, Context, Failure, Lifetime, MemRef, Memory, OpenSession, Param, Run, Session, Tee,
};
use uuid::{uuid, Uuid};

use crate::programs::build;
use crate::{expect, Error};

/// See `integration/tas/probe/include/probe_ta.h`: with a process for each session; with one that stays and
/// takes several.
const PROBE: Uuid = uuid!("355ca50a-8cb4-4de0-a633-59e17afc16fb");
const PROBE_SHARED: Uuid = uuid!("158c5fdd-5a4d-48db-892e-108b8581396a");
const NOP: u32 = 0;

/// See `integration/tas/bulk-crypto/include/bulk_crypto_ta.h`.
const BULK_CRYPTO: Uuid = uuid!("1c7d0b0e-9b41-4d6a-8f0e-3a52b7c4d911");
const SHA256: u32 = 0;
const AES_GCM: u32 = 1;
const OWN_AES_GCM: u32 = 2;

/// Bytes that are hashed and encrypted.
pub const BULK: usize = 64 << 20;
const PAGE: u64 = 4096;

/// A software TEE with a session with each TA.
pub struct SoftBed {
    context: Arc<dyn Context>,
    shared: Arc<dyn Session>,
    bulk: Arc<dyn Session>,
    /// What goes in, what comes out, and a page for tag or digest.
    memory: Arc<Memory>,
    ram: Arc<File>,
    plain: Plain,
    _tee: SoftTee,
}

/// The same data in this process, and what comes of it.
struct Plain {
    data: Vec<u8>,
    out: Vec<u8>,
}

impl SoftBed {
    /// Builds what is needed, and makes a TEE.
    pub fn new() -> Result<Self, Error> {
        let programs = build()?;
        let state =
            State::in_memory(soft_tee::DEFAULT_STORAGE).map_err(|error| Error::SoftTee(error.to_string()))?;
        let tee = SoftTee::new(Config {
            name: "bench".to_owned(),
            ta_dir: programs.ta_dir,
            ta_runtime: programs.ta_runtime,
            state: Arc::new(state),
            limits: Limits::default(),
            sockets: Vec::new(),
            denied: HashSet::new(),
        })
        .map_err(|error| Error::SoftTee(error.to_string()))?;
        let context = tee.open_context().map_err(failed("open context"))?;

        // Both alike: what the kernel does for shared memory, it does before anything is measured.
        let data: Vec<u8> = (0..BULK).map(|at| (at % 251) as u8).collect();
        let plain = Plain { out: vec![0; BULK + 16], data };
        let len = 2 * BULK as u64 + PAGE;
        let ram = memfd_create("ram", MemfdFlags::CLOEXEC).map_err(Error::system("memfd_create"))?;
        ftruncate(&ram, len).map_err(Error::system("ftruncate"))?;
        let ram = Arc::new(File::from(ram));
        ram.write_all_at(&plain.data, 0).map_err(Error::system("write to memory"))?;
        let runs = vec![Run { file: ram.clone(), offset: 0, len }];
        let memory = Arc::new(Memory::new(runs, Lifetime::Registered));

        let open = |ta| context.open_session(&request(ta), &mut [], &CancelToken::new());
        let (shared, bulk) = (open(PROBE_SHARED), open(BULK_CRYPTO));
        let (shared, bulk) = (shared.map_err(failed("open"))?, bulk.map_err(failed("open"))?);
        Ok(Self { context, shared, bulk, memory, ram, plain, _tee: tee })
    }

    /// Calls the TA that is there, without parameters.
    pub fn invoke(&self) -> Result<(), Error> {
        self.shared.invoke(NOP, &mut [], &CancelToken::new()).map_err(failed("NOP"))
    }

    /// Opens a session with the TA that is there.
    pub fn open_shared(&self) -> Result<Arc<dyn Session>, Error> {
        self.open(PROBE_SHARED)
    }

    /// Opens a session with a TA that is not: a process begins, its sandbox closes, the TA is loaded.
    pub fn open_own(&self) -> Result<Arc<dyn Session>, Error> {
        self.open(PROBE)
    }

    fn open(&self, ta: Uuid) -> Result<Arc<dyn Session>, Error> {
        self.context.open_session(&request(ta), &mut [], &CancelToken::new()).map_err(failed("open"))
    }

    /// SHA-256 of [`BULK`] bytes in the TA.
    pub fn sha256(&self) -> Result<(), Error> {
        let mut params = [self.memref(Access::Input, 0, BULK), self.memref(Access::Output, 2 * BULK, 32)];
        self.bulk.invoke(SHA256, &mut params, &CancelToken::new()).map_err(failed("SHA256"))
    }

    /// The same in this process.
    pub fn plain_sha256(&self) -> [u8; 32] {
        openssl::sha::sha256(&self.plain.data)
    }

    /// AES-256-GCM of [`BULK`] bytes in the TA, from its own memory into its own.
    pub fn own_aes_gcm(&self) -> Result<(), Error> {
        let mut params = [self.memref(Access::Output, 2 * BULK, 16)];
        self.bulk.invoke(OWN_AES_GCM, &mut params, &CancelToken::new()).map_err(failed("OWN_AES_GCM"))
    }

    /// AES-256-GCM of [`BULK`] bytes in the TA, from the client's memory into the client's.
    pub fn aes_gcm(&self) -> Result<(), Error> {
        let mut params = [
            self.memref(Access::Input, 0, BULK),
            self.memref(Access::Output, BULK, BULK),
            self.memref(Access::Output, 2 * BULK, 16),
        ];
        self.bulk.invoke(AES_GCM, &mut params, &CancelToken::new()).map_err(failed("AES_GCM"))
    }

    /// The same in this process; returns the tag.
    pub fn plain_aes_gcm(&mut self) -> Result<[u8; 16], Error> {
        let Plain { data, out } = &mut self.plain;
        let openssl = Error::system::<openssl::error::ErrorStack>("OpenSSL");
        let mut crypter =
            Crypter::new(Cipher::aes_256_gcm(), Mode::Encrypt, &[0; 32], Some(&[0; 12])).map_err(&openssl)?;
        let len = crypter.update(data, out).map_err(&openssl)?;
        crypter.finalize(&mut out[len..]).map_err(&openssl)?;
        let mut tag = [0; 16];
        crypter.get_tag(&mut tag).map_err(&openssl)?;
        Ok(tag)
    }

    /// Checks that TA and this process come to the same.
    pub fn check_bulk(&mut self) -> Result<(), Error> {
        let mut last = [0; 32];
        self.sha256()?;
        self.ram.read_exact_at(&mut last, 2 * BULK as u64).map_err(Error::system("read from memory"))?;
        expect("SHA256", last == self.plain_sha256())?;
        self.aes_gcm()?;
        self.ram.read_exact_at(&mut last, 2 * BULK as u64).map_err(Error::system("read from memory"))?;
        expect("AES_GCM", last[..16] == self.plain_aes_gcm()?)?;
        self.ram.write_all_at(&[0; 16], 2 * BULK as u64).map_err(Error::system("write to memory"))?;
        self.own_aes_gcm()?;
        self.ram.read_exact_at(&mut last, 2 * BULK as u64).map_err(Error::system("read from memory"))?;
        expect("OWN_AES_GCM", last[..16] == self.plain_aes_gcm()?)?;
        let mut out = vec![0; BULK];
        self.ram.read_exact_at(&mut out, BULK as u64).map_err(Error::system("read from memory"))?;
        expect("AES_GCM", out == self.plain.out[..BULK])
    }

    fn memref(&self, access: Access, offset: usize, size: usize) -> Param {
        let buffer = Some(MemRef { memory: self.memory.clone(), offset: offset as u64 });
        Param::MemRef { access, buffer, size: size as u64 }
    }
}

/// Ends a session; it cannot fail.
pub fn close(session: &Arc<dyn Session>) -> Result<(), Error> {
    session.close(&CancelToken::new());
    Ok(())
}

/// Starts `true` and waits for its end: what a new process costs at least.
pub fn run_true() -> Result<(), Error> {
    let failed = Error::system("true");
    let status = Command::new("true").stdin(Stdio::null()).status().map_err(failed)?;
    expect("true", status.success())
}

fn request(uuid: Uuid) -> OpenSession {
    OpenSession { uuid, login: tee::gp::LOGIN_PUBLIC, client: Uuid::nil() }
}

fn failed(call: &'static str) -> impl Fn(Failure) -> Error {
    move |Failure { ret, origin }| Error::Call { call, ret, origin: origin as u32 }
}
