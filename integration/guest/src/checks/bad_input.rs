// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `bad-input`: every ioctl with arguments that no client library would send.
//!
//! What Linux's own `drivers/tee` refuses, it refuses with the errnos below; what it hands on must be
//! refused by the driver (as the kernel's other drivers do: EINVAL) or by the device with a GP code.

use std::io;
use std::mem::size_of;
use std::path::Path;

use tee_client::raw::Device;
use tee_client::uapi::{
    CancelArg, CloseSessionArg, InvokeArg, OpenSessionArg, Param, ShmAllocData, ShmRegisterFdData,
    ATTR_MEMREF_INPUT, ATTR_OBJREF_INPUT, ATTR_UBUF_INPUT, ATTR_VALUE_INPUT, IOC_CANCEL, IOC_CLOSE_SESSION,
    IOC_INVOKE, IOC_OBJECT_INVOKE, IOC_OPEN_SESSION, IOC_SHM_ALLOC, IOC_SHM_REGISTER, IOC_SHM_REGISTER_FD,
    IOC_SUPPL_RECV, IOC_SUPPL_SEND, IOC_VERSION, LOGIN_REE_KERNEL_MIN, MAX_ARG_SIZE, MEMREF_NULL,
};
use tee_client::{code, Context, Mapping, Origin, Session, SharedMemory};
use uuid::Uuid;
use zerocopy::IntoBytes;

use super::expect;
use crate::malformed::{self, Argument, Buffer, KERNEL_ADDRESS};
use crate::probe;
use crate::report::{ensure, Cases, Failure, Outcome, Report};

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const ENOMEM: i32 = 12;
const EFAULT: i32 = 14;
const EINVAL: i32 = 22;

/// A shared memory or session that nobody has.
const UNKNOWN: u32 = 0x7fff_fff0;

/// What the cases work with.
struct Bench<'a> {
    device: &'a Device,
    context: &'a Context,
    ta: Uuid,
    session: Session,
    memory: SharedMemory,
    /// Of another context.
    foreign: SharedMemory,
    report: &'a mut Report,
    cases: Cases,
}

pub(super) fn run(path: &Path, context: &Context, report: &mut Report, ta: Uuid) -> Outcome {
    let other = Context::open(path)?;
    let mut bench = Bench {
        device: context.device(),
        context,
        ta,
        session: probe::open(context, ta)?,
        memory: SharedMemory::allocate(context, 8192)?,
        foreign: SharedMemory::allocate(&other, 8192)?,
        report,
        cases: Cases::default(),
    };
    bench.arguments();
    bench.buffers();
    bench.params();
    bench.memrefs();
    bench.sessions();
    bench.logins();
    bench.tas();
    bench.shared_memory();
    bench.still_works();
    bench.cases.finish(bench.report)
}

impl Bench<'_> {
    fn note(&mut self, name: &str, outcome: Outcome) {
        self.cases.note(self.report, name, outcome);
    }

    /// A request that the kernel must refuse with one of `errnos`.
    fn errno(&mut self, name: &str, result: io::Result<()>, errnos: &[i32]) {
        let outcome = match result {
            Ok(()) => Err(Failure::Wrong(format!("was accepted; errno {errnos:?} was due"))),
            Err(error) if error.raw_os_error().is_some_and(|errno| errnos.contains(&errno)) => Ok(()),
            Err(error) => Err(Failure::Wrong(format!("{error}; errno {errnos:?} was due"))),
        };
        self.note(name, outcome);
    }

    /// Arguments where nothing is, and ioctls that are not for clients.
    fn arguments(&mut self) {
        let all = [
            ("VERSION", IOC_VERSION),
            ("SHM_ALLOC", IOC_SHM_ALLOC),
            ("OPEN_SESSION", IOC_OPEN_SESSION),
            ("INVOKE", IOC_INVOKE),
            ("CANCEL", IOC_CANCEL),
            ("CLOSE_SESSION", IOC_CLOSE_SESSION),
            ("SHM_REGISTER_FD", IOC_SHM_REGISTER_FD),
            ("SHM_REGISTER", IOC_SHM_REGISTER),
        ];
        for (name, opcode) in all {
            for (place, address) in [("address 0", 0), ("a kernel address", KERNEL_ADDRESS)] {
                let result = malformed::ioctl(self.device, opcode, &Argument::At(address));
                self.errno(&format!("{name} at {place}"), result, &[EFAULT]);
            }
        }
        for (name, opcode) in [
            ("SUPPL_RECV", IOC_SUPPL_RECV),
            ("SUPPL_SEND", IOC_SUPPL_SEND),
            ("OBJECT_INVOKE", IOC_OBJECT_INVOKE),
            ("an ioctl of the TEE's group that is none", 0x8010_a4ff),
            ("an ioctl of another group", 0x5401),
        ] {
            let result = malformed::ioctl(self.device, opcode, &Argument::Plain(&[0; 16]));
            self.errno(name, result, &[EINVAL]);
        }
    }

    /// Arguments of variable length whose lengths and places are wrong.
    fn buffers(&mut self) {
        let open = OpenSessionArg { uuid: self.ta.into_bytes(), ..Default::default() };
        let invoke = InvokeArg { session: self.session.id(), func: probe::NOP, ..Default::default() };
        self.lengths("OPEN_SESSION", IOC_OPEN_SESSION, size_of::<OpenSessionArg>(), |num_params| {
            Buffer::new(&OpenSessionArg { num_params, ..open }, &[])
        });
        self.lengths("INVOKE", IOC_INVOKE, size_of::<InvokeArg>(), |num_params| {
            Buffer::new(&InvokeArg { num_params, ..invoke }, &[])
        });
    }

    fn lengths(
        &mut self,
        name: &str,
        opcode: u32,
        size: usize,
        buffer: impl Fn(u32) -> io::Result<Buffer<'static>>,
    ) {
        let (size, param) = (size as u64, size_of::<Param>() as u64);
        let max = MAX_ARG_SIZE as u64;
        for (case, num_params, len) in [
            ("no length", 0, 0),
            ("one byte short", 0, size - 1),
            ("one byte long", 0, size + 1),
            ("more than TEE_MAX_ARG_SIZE", 0, max + 1),
            ("a length of 2⁶⁴ - 1", 0, u64::MAX),
            ("a parameter that is not there", 1, size),
            ("a parameter that is not counted", 0, size + param),
            ("half a parameter", 1, size + param / 2),
            ("2³² - 1 parameters", u32::MAX, size),
            ("as many parameters as wrap 32 bits", 1 << 27, size),
        ] {
            let result = buffer(num_params).and_then(|buffer| {
                malformed::ioctl(self.device, opcode, &Argument::Buffer { buffer: &buffer, len })
            });
            self.errno(&format!("{name}: {case}"), result, &[EINVAL]);
        }
        for (place, address) in
            [("address 0", 0), ("a kernel address", KERNEL_ADDRESS), ("2⁶⁴ - 8", u64::MAX - 7)]
        {
            let argument = Argument::BufferAt { address, len: size };
            let result = malformed::ioctl(self.device, opcode, &argument);
            self.errno(&format!("{name}: argument at {place}"), result, &[EFAULT]);
        }
    }

    /// INVOKE of a function that touches nothing, with any parameters; what the device returned.
    fn invoke(&self, params: &[Param]) -> Result<(), tee_client::Error> {
        let arg = InvokeArg {
            func: probe::NOP,
            session: self.session.id(),
            num_params: params.len() as u32,
            ..Default::default()
        };
        let len = (size_of::<InvokeArg>() + size_of_val(params)) as u64;
        let refused = |source| tee_client::Error::Ioctl { ioctl: "TEE_IOC_INVOKE", source };
        let buffer = Buffer::new(&arg, params).map_err(refused)?;
        malformed::ioctl(self.device, IOC_INVOKE, &Argument::Buffer { buffer: &buffer, len })
            .map_err(refused)?;
        match (buffer.word(12), buffer.word(16)) {
            (code::SUCCESS, _) => Ok(()),
            (ret, origin) => Err(tee_client::Error::Invoke { func: probe::NOP, ret, origin: origin.into() }),
        }
    }

    /// A call that the kernel refuses, or the device with BAD_PARAMETERS.
    fn refused(&mut self, name: &str, params: &[Param], errno: i32) {
        let outcome = match self.invoke(params) {
            Ok(()) => Err(Failure::Wrong("the call succeeded".to_owned())),
            Err(error) if error.errno() == Some(errno) => Ok(()),
            Err(error) if error.errno().is_none() && error.ret() == code::ERROR_BAD_PARAMETERS => {
                match error.origin() {
                    Origin::TrustedApp => Err(Failure::Wrong("the TA was asked".to_owned())),
                    _ => Ok(()),
                }
            }
            Err(error) => Err(error.into()),
        };
        self.note(name, outcome);
    }

    /// Attributes that are none, and too many parameters.
    fn params(&mut self) {
        let value = Param { attr: ATTR_VALUE_INPUT, a: 1, b: 2, c: 3 };
        for attr in [4, 14, 0x7f, 0xff, 0x200, 0x8000_0000, 1 << 32, 1 << 63] {
            self.refused(&format!("attribute {attr:#x}"), &[Param { attr, ..value }], EINVAL);
        }
        self.refused("a META parameter", &[Param { attr: ATTR_VALUE_INPUT | 0x100, ..value }], EINVAL);
        for attr in ATTR_OBJREF_INPUT..ATTR_OBJREF_INPUT + 3 {
            self.refused(&format!("object reference {attr}"), &[Param { attr, a: 1, b: 0, c: 0 }], EINVAL);
        }
        for attr in ATTR_UBUF_INPUT..ATTR_UBUF_INPUT + 3 {
            for (case, a, b, errno) in [
                ("where there is nothing", 8, 64, EFAULT),
                ("at a kernel address", KERNEL_ADDRESS, 4096, EFAULT),
                ("larger than any address", 8, 1 << 63, EFAULT),
                ("larger than any memory of the device's", 8, 1 << 46, ENOMEM),
            ] {
                self.refused(&format!("user buffer {attr} {case}"), &[Param { attr, a, b, c: 0 }], errno);
            }
        }
        for count in [5, 8, 126] {
            self.refused(&format!("{count} parameters"), &vec![value; count], EINVAL);
        }
    }

    /// Memrefs that are not within their memory, or name none.
    fn memrefs(&mut self) {
        let own = u64::from(self.memory.id().unsigned_abs());
        let foreign = u64::from(self.foreign.id().unsigned_abs());
        for attr in ATTR_MEMREF_INPUT..ATTR_MEMREF_INPUT + 3 {
            for (case, a, b, c) in [
                ("unknown memory", 0, 1, u64::from(UNKNOWN)),
                ("memory 0", 0, 1, 0),
                ("memory of another context", 0, 1, foreign),
                ("one byte beyond the end", 0, 8193, own),
                ("an offset at the end", 8192, 1, own),
                ("an offset beyond the end", 1 << 40, 1, own),
                ("an offset beyond the end, and no bytes", 8193, 0, own),
                ("offset and size that wrap to 0", u64::MAX, 1, own),
                ("offset and size that wrap", 4096, u64::MAX - 4000, own),
                ("a size of 2⁶⁴ - 1", 0, u64::MAX, own),
            ] {
                self.refused(&format!("memref {attr}: {case}"), &[Param { attr, a, b, c }], EINVAL);
            }
            for (case, a) in [("an offset", 1), ("an offset of 2⁶⁴ - 1", u64::MAX)] {
                // Linux hands the offset on. It means nothing: refused or ignored, both will do.
                let outcome = match self.invoke(&[Param { attr, a, b: 0, c: MEMREF_NULL }]) {
                    Err(error) if error.origin() == Origin::TrustedApp => Err(error.into()),
                    _ => Ok(()),
                };
                self.note(&format!("NULL memref {attr} with {case}"), outcome);
            }
        }
        // All memrefs are let go of, the good one before the bad one as well.
        let good = Param { attr: ATTR_MEMREF_INPUT, a: 0, b: 8192, c: own };
        self.refused("a bad memref behind a good one", &[good, Param { b: 8193, ..good }], EINVAL);
        let works = self.invoke(&[good, good, good, good]).map_err(Failure::from);
        self.note("four good memrefs after all that", works);
    }

    /// Session numbers that are none.
    fn sessions(&mut self) {
        let mut closed = None;
        match probe::open(self.context, self.ta) {
            Ok(session) => {
                closed = Some(session.id());
                let outcome = session.close().map_err(Failure::from);
                self.note("a session is closed", outcome);
            }
            Err(error) => self.note("a session to close", Err(error.into())),
        }
        for (case, session) in [("0", Some(0)), ("unknown", Some(UNKNOWN)), ("closed", closed)] {
            let Some(session) = session else { continue };
            let mut arg = InvokeArg { session, ..Default::default() };
            let invoked = self.device.invoke(&mut arg, &mut []);
            self.errno(&format!("INVOKE in session {case}"), invoked, &[EINVAL]);
            let result = malformed::ioctl(
                self.device,
                IOC_CLOSE_SESSION,
                &Argument::Plain(CloseSessionArg { session }.as_bytes()),
            );
            self.errno(&format!("CLOSE_SESSION of session {case}"), result, &[EINVAL]);
            if session != 0 {
                let cancelled = self.device.cancel(CancelArg { cancel_id: 1, session });
                self.errno(&format!("CANCEL in session {case}"), cancelled, &[EINVAL, ENOENT]);
            }
        }
        for (case, session) in [("the session", self.session.id()), ("no session", 0)] {
            for cancel_id in [0, UNKNOWN] {
                let cancelled = self.device.cancel(CancelArg { cancel_id, session });
                let name = format!("CANCEL of unknown call {cancel_id:#x} in {case}");
                self.errno(&name, cancelled, &[ENOENT, EINVAL]);
            }
        }
    }

    /// OPEN_SESSION with a login; what the device returned.
    fn open(&self, ta: Uuid, clnt_login: u32) -> Result<(), tee_client::Error> {
        let mut arg = OpenSessionArg { uuid: ta.into_bytes(), clnt_login, ..Default::default() };
        self.device
            .open_session(&mut arg, &mut [])
            .map_err(|source| tee_client::Error::Ioctl { ioctl: "TEE_IOC_OPEN_SESSION", source })?;
        match arg.ret {
            code::SUCCESS => {
                // The context's end would close it: but then it would count until then.
                self.device
                    .close_session(arg.session)
                    .map_err(|source| tee_client::Error::Ioctl { ioctl: "TEE_IOC_CLOSE_SESSION", source })
            }
            ret => Err(tee_client::Error::OpenSession { ta, ret, origin: arg.ret_origin.into() }),
        }
    }

    /// Logins that are none, or not for user space.
    fn logins(&mut self) {
        for (login, errno) in [
            (3, EINVAL),
            (7, EINVAL),
            (0x7fff_ffff, EINVAL),
            (LOGIN_REE_KERNEL_MIN, EPERM),
            (0xbfff_ffff, EPERM),
            (u32::MAX, EINVAL),
        ] {
            let outcome = match self.open(self.ta, login) {
                Ok(()) => Err(Failure::Wrong("a session was opened".to_owned())),
                Err(error) if error.errno() == Some(errno) => Ok(()),
                Err(error) => Err(error.into()),
            };
            self.note(&format!("login {login:#x}"), outcome);
        }
    }

    /// TAs that there are not.
    fn tas(&mut self) {
        for (case, ta) in [
            ("unknown", Uuid::from_u128(0x0bad_0bad_0bad_4bad_8bad_0bad_0bad_0bad)),
            ("nil", Uuid::nil()),
            ("all-ones", Uuid::max()),
        ] {
            let outcome = expect(self.open(ta, 0), code::ERROR_ITEM_NOT_FOUND, Origin::Tee);
            self.note(&format!("{case} TA"), outcome);
        }
    }

    /// Memory that cannot be shared.
    fn shared_memory(&mut self) {
        for (case, data, errnos) in [
            ("no bytes", ShmAllocData::default(), &[EINVAL][..]),
            ("flags", ShmAllocData { size: 4096, flags: 1, id: 0 }, &[EINVAL]),
            ("2⁴⁰ bytes", ShmAllocData { size: 1 << 40, ..Default::default() }, &[ENOMEM, EINVAL]),
            ("2⁶⁴ - 1 bytes", ShmAllocData { size: u64::MAX, ..Default::default() }, &[ENOMEM, EINVAL]),
        ] {
            let result = malformed::ioctl(self.device, IOC_SHM_ALLOC, &Argument::Plain(data.as_bytes()));
            self.errno(&format!("SHM_ALLOC of {case}"), result, errnos);
        }
        for (case, fd) in [("no descriptor", -1), ("a descriptor that is no dma-buf", 0)] {
            let data = ShmRegisterFdData { fd, ..Default::default() };
            let result =
                malformed::ioctl(self.device, IOC_SHM_REGISTER_FD, &Argument::Plain(data.as_bytes()));
            self.errno(&format!("SHM_REGISTER_FD of {case}"), result, &[EINVAL]);
        }
        let mapping = match Mapping::anonymous(2 << 20) {
            Ok(mapping) => mapping,
            Err(error) => return self.note("memory to register", Err(error.into())),
        };
        static CONSTANT: [u8; 64] = [1; 64];
        let address = mapping.address() as u64;
        for (case, addr, length, flags, errnos) in [
            ("flags", address, 4096, 1, &[EINVAL][..]),
            ("no bytes", address, 0, 0, &[ENOMEM, EINVAL]),
            ("address 0", 0, 4096, 0, &[EFAULT]),
            ("a kernel address", KERNEL_ADDRESS, 4096, 0, &[EFAULT]),
            ("a range that wraps", address, u64::MAX - 4095, 0, &[EFAULT, ENOMEM, EINVAL]),
            ("2⁴⁶ bytes", address, 1 << 46, 0, &[EFAULT, ENOMEM, EINVAL]),
            ("memory that cannot be written", CONSTANT.as_ptr() as u64, 64, 0, &[EFAULT, ENOMEM]),
        ] {
            let result = malformed::register(self.device, addr, length, flags);
            self.errno(&format!("SHM_REGISTER of {case}"), result, errnos);
        }
    }

    /// After all that, everything works as before.
    fn still_works(&mut self) {
        let outcome = (|| {
            let counted = probe::count(&self.session)?;
            ensure!(counted.1 > 0, "the session counts no calls");
            let session = probe::open(self.context, self.ta)?;
            probe::touch(&session, &self.memory, 8191)?;
            Ok(session.close()?)
        })();
        self.note("the device works as before", outcome);
    }
}
