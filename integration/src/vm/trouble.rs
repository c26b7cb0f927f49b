// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a guest's kernel has to complain of.

use super::{Guest, VmError};

/// What marks trouble in a kernel's log, be it a stock kernel or one with all checks.
const TROUBLE: [&str; 18] = [
    "WARNING:",
    "BUG:",
    "Oops",
    "Call Trace",
    "general protection",
    "Kernel panic",
    "KASAN",
    "UBSAN",
    "ODEBUG",
    "possible circular locking",
    "lockup",
    "blocked for more than",
    "leaked",
    "refcount_t:",
    "panicked at",
    "turning off the locking correctness validator",
    // Checks that are no longer made.
    "debugging out of memory",
    "detector disabled",
];

/// What a kernel complains of in its log, from the first line on.
pub(crate) fn trouble(log: &str) -> Option<String> {
    let lines: Vec<&str> = log.lines().collect();
    let first = lines.iter().position(|line| TROUBLE.iter().any(|word| line.contains(word)))?;
    Some(lines.iter().skip(first).take(60).copied().collect::<Vec<_>>().join("\n"))
}

/// Has a kernel with all checks look for memory that nothing points to, which is called lost only where that is so
/// after some seconds too; fails as well where lockdep has switched itself off.
pub(crate) fn look_for_leaks(guest: &Guest) -> Result<(), VmError> {
    let ask = |script: &str| guest.sh(script).map_err(VmError::NoScan);
    let leaks = ask("f=/sys/kernel/debug/kmemleak; echo scan >$f; sleep 6; echo scan >$f; cat $f")?;
    if !leaks.trim().is_empty() {
        return Err(VmError::Leak(leaks));
    }
    let locks = ask("grep debug_locks /proc/lockdep_stats")?;
    if !locks.trim().ends_with(" 1") {
        return Err(VmError::CheckOff(locks));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernels_checks_find_is_trouble() {
        for line in [
            "BUG: KASAN: slab-use-after-free in foo+0x1/0x2",
            "WARNING: possible circular locking dependency detected",
            "rust_kernel: panicked at drivers/tee/virtio/driver/call.rs:1",
        ] {
            assert_eq!(trouble("[ 0.1] all well"), None);
            let log = format!("[ 0.1] all well\n[ 0.2] {line}\n[ 0.3] more of it");
            assert!(trouble(&log).is_some_and(|lines| lines.starts_with("[ 0.2]")), "{line}");
        }
    }
}
