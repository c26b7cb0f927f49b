// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Descriptors of guest memory, which come anew with each change of what is mapped.

use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use virtio_tee_frontend::memory::PAGE;
use virtio_tee_frontend::Options;

use crate::common::{nothing_left, session, BackEnd};

const FAR: u64 = 0x5000_0000;

/// Each time that memory has gone and come, what is registered of it holds one descriptor more.
#[test]
fn a_guest_that_has_too_many_held_is_shut_out() {
    const MAX: usize = 1024;
    // As the daemon does.
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let back_end = BackEnd::start();
    let memory = vec![(0x4000_0000, 16 << 20), (FAR, 1 << 20)];
    let options = Options { memory, ..Options::default() };
    let mut client = back_end.connect_with(&options);
    let (context, _session) = session(&mut client);
    let round = |client: &mut virtio_tee_frontend::client::Client| {
        client.register(context, &[(FAR, PAGE)])?;
        client.front_end().plug_region(1, false)?;
        client.front_end().plug_region(1, true)
    };
    // One is of the first region.
    let rounds = (0..2 * MAX).take_while(|_| round(&mut client).is_ok()).count();
    assert!((MAX - 8..MAX).contains(&rounds), "{rounds}");
    drop(client);
    nothing_left(&back_end);
    // What comes next has nothing of it.
    let mut client = back_end.connect_with(&options);
    session(&mut client);
}
