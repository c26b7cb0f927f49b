// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Giving up every privilege that the daemon may have passed on.

use rustix::io::Errno;
use rustix::process::{
    geteuid, getppid, getuid, set_dumpable_behavior, set_parent_process_death_signal, setpgid,
    DumpableBehavior, Gid, Signal, Uid,
};
use rustix::thread::{
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid, CapabilitySet, CapabilitySets,
};

use super::Error;

/// Who a TA is where the daemon is root: nobody, who owns nothing.
const NOBODY: u32 = 65534;

/// Drops capabilities and root for good, leaves the daemon's process group, refuses debuggers, and leaves it to the kernel
/// to end the process with its daemon, which has number `daemon`. The process has one thread.
pub(super) fn drop_all(daemon: u64) -> Result<(), Error> {
    let failed = |what| move |error| Error::Privilege(what, error);
    set_no_new_privs(true).map_err(failed("prctl(PR_SET_NO_NEW_PRIVS)"))?;
    drop_bounding_set()?;
    if getuid().is_root() || geteuid().is_root() {
        let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        set_thread_groups(&[]).map_err(failed("setgroups"))?;
        set_thread_res_gid(gid, gid, gid).map_err(failed("setresgid(65534)"))?;
        set_thread_res_uid(uid, uid, uid).map_err(failed("setresuid(65534)"))?;
    }
    clear_ambient_capability_set().map_err(failed("prctl(PR_CAP_AMBIENT)"))?;
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(failed("capset"))?;
    // What a terminal sends to the daemon is not for a TA. It has no terminal open, cannot open one, and
    // may neither control one nor send signals: a session of its own would add nothing, and costs
    // milliseconds where the kernel makes a scheduling group for each.
    match setpgid(None, None) {
        // It leads a session already if it was started as a daemon's would be.
        Ok(()) | Err(Errno::PERM) => {}
        Err(error) => return Err(Error::Privilege("setpgid", error)),
    }
    // Last: a change of user sets both anew.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("prctl(PR_SET_DUMPABLE)"))?;
    // When the daemon's thread that started it ends, and that is there as long as the daemon.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed("prctl(PR_SET_PDEATHSIG)"))?;
    // Unless it has died before that.
    if getppid().is_none_or(|parent| parent.as_raw_nonzero().get() as u64 != daemon) {
        return Err(Error::Orphaned);
    }
    Ok(())
}

/// Removes all capabilities from the bounding set, where that is allowed: where it is not, there
/// are none to gain either, without new privileges.
fn drop_bounding_set() -> Result<(), Error> {
    for capability in (0..64).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // The first number that this kernel has no capability of; or it is not allowed.
            Err(Errno::INVAL | Errno::PERM) => break,
            Err(error) => return Err(Error::Privilege("prctl(PR_CAPBSET_DROP)", error)),
        }
    }
    Ok(())
}
