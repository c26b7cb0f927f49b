// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A client of trusted applications: the GP TEE Client API in Rust, over the ioctls of Linux's
//! `/dev/tee*` (`uapi/linux/tee.h`), without libteec or any other C.
//!
//! ```text
//!   Context ───────── open_session ─────────▶ Session ── invoke(func, Operation) ──▶ the TA
//!   an open /dev/tee0                                              │
//!      │                                                 up to 4 × Param: value, memref, …
//!      └─ SharedMemory::{allocate, register} ◀── memrefs name ─────┘
//! ```
//!
//! | GP TEE Client API 1.0 | here |
//! | --- | --- |
//! | `TEEC_InitializeContext`, `TEEC_FinalizeContext` | [`Context::open`], drop |
//! | `TEEC_OpenSession`, `TEEC_CloseSession` | [`Context::open_session`], [`Session::close`] or drop |
//! | `TEEC_InvokeCommand` | [`Session::invoke`] |
//! | `TEEC_AllocateSharedMemory` | [`SharedMemory::allocate`] |
//! | `TEEC_RegisterSharedMemory` | [`SharedMemory::register`] |
//! | `TEEC_Operation`, `TEEC_Parameter` | [`Operation`], [`Param`] |
//! | `TEEC_RequestCancellation` | [`Cancellation::request`] |
//! | `TEEC_Result`, return origin | [`Error::ret`], [`Error::origin`] |
//!
//! ```no_run
//! use tee_client::{Access, Context, Login, Operation, Param};
//!
//! # fn main() -> Result<(), tee_client::Error> {
//! let context = Context::open("/dev/tee0".as_ref())?;
//! let ta = "429682e4-b32c-440f-80c3-e8cabee3494b".parse().expect("a UUID");
//! let session = context.open_session(ta, Login::Public, &mut Operation::default())?;
//! let mut operation = Operation::new([Param::value(Access::Inout, 41, 0)]);
//! session.invoke(0, &mut operation)?;
//! println!("the TA made 41 into {}", operation.value(0).0);
//! # Ok(())
//! # }
//! ```
//!
//! [`raw`] has the ioctls themselves, for those who want to send what the API above never would; it
//! is crate `tee-uapi`'s, as all that is `unsafe`.

#![forbid(unsafe_code)]

mod cancellation;
pub mod code;
mod context;
mod error;
mod operation;
mod session;
mod shared_memory;

pub use cancellation::Cancellation;
pub use context::{Context, Login};
pub use error::{Error, Origin};
pub use operation::{Access, Operation, Param, MAX_PARAMS};
pub use session::Session;
pub use shared_memory::SharedMemory;
pub use tee_uapi::{raw, uapi, MapError, Mapping};
