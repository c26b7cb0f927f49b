// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Virtual machines for tests and the demo: provisioned, booted, talked to.
//!
//! ```no_run
//! use integration::vm::Door;
//! use integration::Scene;
//!
//! let scene = Scene::set("example", Door::VfioUser, 1)?; // provisions what is missing, starts a daemon
//! let vm = scene.boot_with_driver(0)?;
//! println!("{}", vm.guest.ok(&["tee-guest", "version"])?);
//! vm.shut_down()?; // fails if the guest's kernel complained
//! # Ok::<(), integration::SceneError>(())
//! ```
//!
//! - [`provision`]: from a bare Debian machine with Rust to kernel, driver, QEMU and programs
//! - [`vm`]: virtual machines
//! - [`daemon`]: the daemon under test
//! - [`vsock`]: a vsock device beside it, and an echo at its end, to measure calls by
//! - [`uml`]: guests of user-mode Linux, for development
//! - [`gp_coverage`]: the page that says which test exercises which part of the GP API
//! - [`optee`]: an Arm machine with a real OP-TEE in its secure world
//! - [`nested`]: a guest of that machine, whose TEE is that OP-TEE
//! - [`traces`]: what such a machine holds for its clients, before and after something
//! - [`hammer`]: two VMs that call that OP-TEE while one of them is killed, again and again
//! - [`scene`]: a daemon with its machines, and where their logs are

pub mod daemon;
pub mod gp_coverage;
pub mod hammer;
pub mod nested;
pub mod optee;
pub mod paths;
pub mod progress;
pub mod provision;
pub mod scene;
mod tied;
pub mod traces;
pub mod uml;
pub mod vm;
pub mod vsock;

pub use scene::{Scene, SceneError};
