// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Makes the program offer its TEE functions to the TAs that it loads: a program exports nothing
//! unless told to. Names of anything else in it must stay hidden, or a TA's own of the same name
//! would give way to them.

/// What TAs call, as the linker's patterns.
const EXPORTED: [&str; 7] = ["TEE_*", "__GP11_TEE_*", "__utee_*", "_utee_*", "utee_*", "tee_*", "trace_*"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for name in EXPORTED {
        println!("cargo::rustc-link-arg-bins=-Wl,--export-dynamic-symbol={name}");
    }
    // TAs may be linked to the mathematical library: it is there before the sandbox closes.
    println!("cargo::rustc-link-arg-bins=-Wl,--push-state,--no-as-needed,-lm,--pop-state");
}
