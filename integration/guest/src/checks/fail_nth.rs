// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `fail-nth`: each operation with its first allocation failing, then its second one, and so on, until
//! it has no more of them, by the kernel's own fault injection or by `integration/fail-nth`.
//!
//! An operation that an allocation fails for fails with ENOMEM, or does without what it was for; what
//! comes after it works. What the kernel's own checks see is in its log, and what leaks is for the
//! harness to find.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tee_client::raw::{Device, UserBuffer};
use tee_client::uapi::{InvokeArg, OpenSessionArg, Param, ShmAllocData, ATTR_MEMREF_INPUT, ATTR_VALUE_INPUT};
use tee_client::{code, Mapping};
use uuid::Uuid;

use super::wait_until;
use crate::memory;
use crate::probe;
use crate::report::{ensure, Cases, Failure, Outcome, Report};

const ENOMEM: i32 = 12;
/// Where the driver is bound to devices, and unbound.
const DRIVER: &str = "/sys/bus/virtio/drivers/virtio_tee";
/// Where debugfs is mounted.
const DEBUG: &str = "/sys/kernel/debug";
/// More allocations than any of the operations makes.
const MANY: u32 = 1000;
/// Bytes of the memories.
const SIZE: usize = 256 << 10;

pub(super) fn run(path: &Path, report: &mut Report, ta: Uuid) -> Outcome {
    let mut injector = Injector::new()?;
    let mut cases = Cases::default();
    let mut failed = 0;
    let mut note = |report: &mut Report, name: &str, result: Result<Tally, Failure>| {
        let outcome = result.map(|tally| {
            report.say(format_args!("{name}: {tally:?}"));
            failed += tally.refused + tally.survived;
        });
        cases.note(report, name, outcome);
    };
    for (name, operation) in OPERATIONS {
        let result = Scene::new(path, ta).and_then(|scene| {
            each_allocation(&mut injector, |injector| {
                let came = operation(&scene, injector)?;
                scene.works()?;
                Ok(came)
            })
        });
        note(report, name, result);
    }
    let device = bound_device()?;
    let result = each_allocation(&mut injector, |injector| bind(injector, path, ta, &device));
    note(report, "bind", result);
    injector.end()?;
    report.set("allocations", failed);
    cases.finish(report)
}

/// What came of an operation that was to fail.
type Came = Result<(), Refusal>;

/// Why an operation failed.
#[derive(Debug)]
enum Refusal {
    /// The kernel refused it.
    Errno(io::Error),
    /// The call did not come to its end: GP's code.
    Ret(u32),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Errno(error)
    }
}

impl Refusal {
    fn is_no_memory(&self) -> bool {
        match self {
            Self::Errno(error) => error.raw_os_error() == Some(ENOMEM),
            Self::Ret(ret) => *ret == code::ERROR_OUT_OF_MEMORY,
        }
    }
}

/// Of the allocations of one operation, how many were fatal to it, and how many it did without.
#[derive(Debug, Default)]
struct Tally {
    refused: u32,
    survived: u32,
}

/// Repeats an operation, with another allocation failing each time, until none does.
fn each_allocation(
    injector: &mut Injector,
    mut operation: impl FnMut(&mut Injector) -> Result<Came, Failure>,
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    // Once without, so that all that is done only once is done: pages of this program, caches.
    injector.nth = 0;
    if let Err(refusal) = operation(injector)? {
        return Err(Failure::Wrong(format!("without any failure: {refusal:?}")));
    }
    for nth in 1..=MANY {
        injector.nth = nth;
        injector.injected = false;
        let came = operation(injector)?;
        match (injector.injected, came) {
            (true, Ok(())) => tally.survived += 1,
            (true, Err(refusal)) if refusal.is_no_memory() => tally.refused += 1,
            (true, Err(refusal)) => {
                return Err(Failure::Wrong(format!("allocation {nth} failed, and it with {refusal:?}")));
            }
            (false, Ok(())) => return Ok(tally),
            (false, Err(refusal)) => {
                return Err(Failure::Wrong(format!("failed with {refusal:?} after {nth} allocations")));
            }
        }
    }
    Err(Failure::Wrong(format!("more than {MANY} allocations")))
}

/// Makes allocations of this thread's fail.
struct Injector {
    file: File,
    /// Which one; 0 for none.
    nth: u32,
    /// Whether one has failed.
    injected: bool,
}

impl Injector {
    fn new() -> Result<Self, Failure> {
        let module = Path::new(DEBUG).join("fail_nth");
        if module.exists() {
            return Self::by(&module);
        }
        for (name, value) in [
            // Those that may wait as well, which is nearly all.
            ("failslab/ignore-gfp-wait", "N"),
            ("fail_page_alloc/ignore-gfp-wait", "N"),
            ("fail_page_alloc/ignore-gfp-highmem", "N"),
            ("fail_page_alloc/min-order", "0"),
            // Or there is a stack in the log for each, as for mistakes.
            ("failslab/verbose", "0"),
            ("fail_page_alloc/verbose", "0"),
        ] {
            let path = Path::new(DEBUG).join(name);
            fs::write(&path, value).map_err(Failure::system(format!("{}", path.display())))?;
        }
        Self::by(Path::new("/proc/thread-self/fail-nth"))
    }

    fn by(path: &Path) -> Result<Self, Failure> {
        let file = File::options().read(true).write(true).open(path);
        let file = file.map_err(Failure::system(format!("{}", path.display())))?;
        Ok(Self { file, nth: 0, injected: false })
    }

    /// Does something with that allocation failing.
    fn during<T>(&mut self, operation: impl FnOnce() -> T) -> Result<T, Failure> {
        if self.nth == 0 {
            return Ok(operation());
        }
        let text = self.nth.to_string();
        self.file.write_all_at(text.as_bytes(), 0).map_err(Failure::system("fail-nth"))?;
        let value = operation();
        let mut left = [0; 16];
        let read = self.file.read_at(&mut left, 0);
        self.end()?;
        let read = read.map_err(Failure::system("fail-nth"))?;
        self.injected = left[..read].trim_ascii() == b"0";
        Ok(value)
    }

    /// No allocation fails from here on.
    fn end(&mut self) -> Outcome {
        self.file.write_all_at(b"0", 0).map_err(Failure::system("fail-nth"))
    }
}

/// What operations work with: none of it is made while allocations fail.
struct Scene {
    path: PathBuf,
    ta: Uuid,
    device: Device,
    session: u32,
    /// Of pages that are no neighbours.
    pages: Mapping,
}

/// An operation, which does what it is for while allocations fail, and nothing else.
type Operation = fn(&Scene, &mut Injector) -> Result<Came, Failure>;

const OPERATIONS: [(&str, Operation); 15] = [
    ("open", |scene, injector| {
        let opened = injector.during(|| Device::open(&scene.path))?;
        Ok(opened.map(drop).map_err(Refusal::from))
    }),
    ("close", |scene, injector| {
        let device = Device::open(&scene.path).map_err(Failure::system("open"))?;
        open_session(&device, scene.ta).map_err(failed)?;
        injector.during(|| drop(device))?;
        Ok(Ok(()))
    }),
    ("OPEN_SESSION", |scene, injector| {
        let opened = injector.during(|| open_session(&scene.device, scene.ta))?;
        opened.as_ref().map_or(Ok(()), |session| scene.close_session(*session))?;
        Ok(opened.map(drop))
    }),
    ("CLOSE_SESSION", |scene, injector| {
        let session = open_session(&scene.device, scene.ta).map_err(failed)?;
        let closed = injector.during(|| scene.device.close_session(session))?;
        if closed.is_err() {
            // It is still there.
            scene.close_session(session)?;
        }
        Ok(closed.map_err(Refusal::from))
    }),
    ("SHM_ALLOC", |scene, injector| {
        let mut data = ShmAllocData { size: SIZE as u64, ..Default::default() };
        let allocated = injector.during(|| scene.device.shm_alloc(&mut data))?;
        Ok(allocated.map(drop).map_err(Refusal::from))
    }),
    ("SHM_REGISTER", |scene, injector| {
        let registered = injector.during(|| scene.pages.register(&scene.device))?;
        Ok(registered.map(drop).map_err(Refusal::from))
    }),
    ("closing of memory that the device knows", |scene, injector| {
        let (fd, id) = scene.pages.register(&scene.device).map_err(Failure::system("register"))?;
        for _ in 0..3 {
            scene.invoke(&mut [memref(id)], &mut []).map_err(failed)?;
        }
        injector.during(|| drop(fd))?;
        Ok(Ok(()))
    }),
    ("INVOKE", |scene, injector| injector.during(|| scene.invoke(&mut [], &mut []))),
    ("INVOKE with values", |scene, injector| {
        injector.during(|| {
            scene.invoke(&mut [Param { attr: ATTR_VALUE_INPUT + 2, a: 1, b: 2, c: 0 }; 4], &mut [])
        })
    }),
    ("INVOKE with registered memory, first use", |scene, injector| used(scene, injector, 0)),
    ("INVOKE with registered memory, second use", |scene, injector| used(scene, injector, 1)),
    ("INVOKE with registered memory, third use", |scene, injector| used(scene, injector, 2)),
    ("INVOKE with allocated memory", |scene, injector| {
        let mut data = ShmAllocData { size: SIZE as u64, ..Default::default() };
        let _fd = scene.device.shm_alloc(&mut data).map_err(Failure::system("allocate"))?;
        injector.during(|| scene.invoke(&mut [memref(data.id)], &mut []))
    }),
    ("INVOKE with a user buffer", |scene, injector| {
        let mut bytes = vec![1; SIZE];
        injector.during(|| scene.invoke(&mut [Param::default()], &mut [UserBuffer::Inout(&mut bytes)]))
    }),
    ("INVOKE with user buffers that cannot be written", |scene, injector| {
        static CONSTANT: [u8; 10_000] = [1; 10_000];
        let mut buffers = [UserBuffer::Input(&CONSTANT), UserBuffer::Input(&CONSTANT[5000..])];
        injector.during(|| scene.invoke(&mut [Param::default(); 2], &mut buffers))
    }),
];

/// A call with registered memory that was used `times` times before.
fn used(scene: &Scene, injector: &mut Injector, times: u32) -> Result<Came, Failure> {
    let (_fd, id) = scene.pages.register(&scene.device).map_err(Failure::system("register"))?;
    for _ in 0..times {
        scene.invoke(&mut [memref(id)], &mut []).map_err(failed)?;
    }
    injector.during(|| scene.invoke(&mut [memref(id)], &mut []))
}

fn memref(id: i32) -> Param {
    Param { attr: ATTR_MEMREF_INPUT + 2, a: 0, b: SIZE as u64, c: u64::from(id.unsigned_abs()) }
}

fn open_session(device: &Device, ta: Uuid) -> Result<u32, Refusal> {
    let mut arg = OpenSessionArg { uuid: ta.into_bytes(), ..Default::default() };
    device.open_session(&mut arg, &mut [])?;
    match arg.ret {
        code::SUCCESS => Ok(arg.session),
        ret => Err(Refusal::Ret(ret)),
    }
}

/// An operation that was not to fail.
fn failed(refusal: Refusal) -> Failure {
    Failure::Wrong(format!("{refusal:?}, though no allocation was to fail"))
}

impl Scene {
    fn new(path: &Path, ta: Uuid) -> Result<Self, Failure> {
        let device = Device::open(path).map_err(Failure::system("open"))?;
        let session = open_session(&device, ta).map_err(failed)?;
        Ok(Self { path: path.to_owned(), ta, device, session, pages: memory::scattered(SIZE)?.0 })
    }

    fn invoke(&self, params: &mut [Param], buffers: &mut [UserBuffer<'_>]) -> Came {
        let mut arg = InvokeArg { func: probe::NOP, session: self.session, ..Default::default() };
        self.device.invoke_with(&mut arg, params, buffers)?;
        match arg.ret {
            code::SUCCESS => Ok(()),
            ret => Err(Refusal::Ret(ret)),
        }
    }

    fn close_session(&self, session: u32) -> Outcome {
        self.device.close_session(session).map_err(Failure::system("close a session"))
    }

    /// Sessions, old and new, and memory work as before.
    fn works(&self) -> Outcome {
        self.invoke(&mut [], &mut []).map_err(failed)?;
        let (_fd, id) = self.pages.register(&self.device).map_err(Failure::system("register"))?;
        self.invoke(&mut [memref(id)], &mut []).map_err(failed)?;
        self.close_session(open_session(&self.device, self.ta).map_err(failed)?)
    }
}

/// The device that the driver is bound to.
fn bound_device() -> Result<String, Failure> {
    let entries = fs::read_dir(DRIVER).map_err(Failure::system(DRIVER))?;
    let mut names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names
        .find(|name| name.starts_with("virtio"))
        .ok_or_else(|| Failure::Wrong(format!("nothing in {DRIVER}")))
}

/// Unbinds the device, and binds it with an allocation failing.
fn bind(injector: &mut Injector, path: &Path, ta: Uuid, device: &str) -> Result<Came, Failure> {
    let told = |file: &str| {
        File::options().write(true).open(format!("{DRIVER}/{file}")).map_err(Failure::system(file))
    };
    told("unbind")?.write_all(device.as_bytes()).map_err(Failure::system("unbind"))?;
    let mut file = told("bind")?;
    let came = injector.during(|| file.write_all(device.as_bytes()))?;
    if came.is_err() {
        file.write_all(device.as_bytes()).map_err(Failure::system("bind after that"))?;
    }
    // The node is made by another thread.
    wait_until("the device's node", || path.exists())?;
    Scene::new(path, ta)?.works()?;
    ensure!(bound_device()? == device, "{device} is not bound");
    Ok(came.map_err(Refusal::from))
}
