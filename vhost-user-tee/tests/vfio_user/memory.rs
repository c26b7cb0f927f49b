// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Guest memory that is mapped and unmapped while it is in use.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::time::Duration;

use rustix::fs::{memfd_create, MemfdFlags};
use virtio_tee_frontend::client::{Client, Param};
use virtio_tee_frontend::memory::PAGE;
use virtio_tee_frontend::vfio_user::message::{DmaMap, DmaUnmap};
use virtio_tee_frontend::vfio_user::{Command, VfioUser};
use virtio_tee_frontend::{Error, Options};
use virtio_tee_spec::{VIRTIO_TEE_ATTR_MEMREF_INOUT as INOUT, VIRTIO_TEE_S_BAD_ADDRESS as BAD_ADDRESS};
use zerocopy::IntoBytes;

use crate::common::fake_tee::{GATED_INCREMENT, INCREMENT, NOP};
use crate::common::{eventually, session, status, BackEnd};

const FAR: u64 = 0x5000_0000;

#[test]
fn memory_with_the_rings_in_it_may_go_and_come() {
    let back_end = BackEnd::start();
    let memory = vec![(0x4000_0000, 16 << 20), (FAR, 1 << 20)];
    let mut client = back_end.connect_with(&Options { memory, ..Options::default() });
    let (context, session) = session(&mut client);
    let registered = client.register(context, &[(FAR, PAGE)]).unwrap();
    let byte = |client: &Client| {
        let mut byte = [0];
        client.memory().read(FAR, &mut byte).unwrap();
        byte[0]
    };
    for round in 1..=5 {
        let param = Param::registered(INOUT, registered, 0, PAGE);
        let call = client.start_invoke(1, context, session, GATED_INCREMENT, 0, &[param]).unwrap();
        eventually("the call runs", || back_end.tee.state.running() == 1);
        // Both the rings and what the call works on.
        client.front_end().plug_region(0, false).unwrap();
        client.front_end().plug_region(1, false).unwrap();
        for queue in 0..3 {
            client.front_end().queues[queue].force_kick().unwrap();
        }
        back_end.tee.state.open_gate(true);
        eventually("the call ends", || back_end.tee.state.running() == 0);
        eventually("it has done what it was to", || byte(&client) == round);
        client.front_end().plug_region(1, true).unwrap();
        client.front_end().plug_region(0, true).unwrap();
        // Nobody could be told that it has ended, unless that came to it so late that the rings were
        // there again. What comes now is served.
        let _ = client.wait_for(&call, Duration::ZERO).unwrap();
        assert_eq!(client.invoke(context, session, NOP, &[]).unwrap().ret, 0);
        client.version().unwrap();
        back_end.tee.state.open_gate(false);
    }
    client.unregister(context, registered).unwrap();
}

#[test]
fn memory_that_is_gone_cannot_be_shared() {
    let back_end = BackEnd::start();
    let memory = vec![(0x4000_0000, 16 << 20), (FAR, 1 << 20)];
    let mut client = back_end.connect_with(&Options { memory, ..Options::default() });
    let (context, session) = session(&mut client);
    let param = || [Param::transient(INOUT, &[(FAR, PAGE)], 0, PAGE)];
    for round in 0..100 {
        assert_eq!(client.invoke(context, session, INCREMENT, &param()).unwrap().ret, 0, "{round}");
        client.front_end().plug_region(1, false).unwrap();
        assert_eq!(status(client.invoke(context, session, INCREMENT, &param())), BAD_ADDRESS);
        assert_eq!(status(client.register(context, &[(FAR, PAGE)])), BAD_ADDRESS);
        client.front_end().plug_region(1, true).unwrap();
    }
}

/// A connection, and a file to map.
struct Maps {
    link: VfioUser,
    file: File,
}

impl Maps {
    fn new(back_end: &BackEnd) -> Self {
        let file = File::from(memfd_create("memory", MemfdFlags::CLOEXEC).unwrap());
        file.set_len(16 * PAGE).unwrap();
        Self { link: VfioUser::connect(&back_end.socket()).unwrap(), file }
    }

    fn map(&self, address: u64, size: u64) -> Result<(), u32> {
        let argsz = size_of::<DmaMap>() as u32;
        let request = DmaMap { argsz, flags: 3, offset: 0, address, size };
        self.ask(Command::DmaMap, request.as_bytes(), &[self.file.as_raw_fd()])
    }

    fn unmap(&self, address: u64, size: u64) -> Result<(), u32> {
        let request = DmaUnmap { argsz: size_of::<DmaUnmap>() as u32, flags: 0, address, size };
        self.ask(Command::DmaUnmap, request.as_bytes(), &[])
    }

    /// Fails with the `errno` that the device answers.
    fn ask(&self, command: Command, body: &[u8], fds: &[i32]) -> Result<(), u32> {
        match self.link.pci().connection().request(command, body, fds) {
            Ok(_) => Ok(()),
            Err(Error::Refused { errno, .. }) => Err(errno),
            Err(e) => panic!("{e}"),
        }
    }
}

#[test]
fn ranges_are_what_was_mapped() {
    const EXIST: u32 = 17;
    const INVAL: u32 = 22;
    let back_end = BackEnd::start();
    let maps = Maps::new(&back_end);
    maps.map(0, 16 * PAGE).unwrap();
    assert_eq!(maps.map(0, PAGE), Err(EXIST));
    assert_eq!(maps.map(15 * PAGE, 2 * PAGE), Err(EXIST));
    assert_eq!(maps.unmap(0, PAGE), Err(INVAL));
    assert_eq!(maps.unmap(PAGE, 15 * PAGE), Err(INVAL));
    maps.map(16 * PAGE, PAGE).unwrap();
    maps.unmap(0, 17 * PAGE).unwrap();
    // Longer than the file, at the end of the address space, of no size.
    assert_eq!(maps.map(0, 17 * PAGE), Err(INVAL));
    assert_eq!(maps.map(u64::MAX - PAGE + 1, PAGE), Err(INVAL));
    assert_eq!(maps.map(u64::MAX, 1), Err(INVAL));
    assert_eq!(maps.map(0, 0), Err(INVAL));
    maps.map(0, PAGE).unwrap();
}

#[test]
fn there_is_an_end_to_ranges() {
    const NOSPC: u32 = 28;
    let back_end = BackEnd::start();
    let maps = Maps::new(&back_end);
    let mapped = (0..1 << 16).find_map(|i| maps.map(2 * i * PAGE, PAGE).err().map(|errno| (i, errno)));
    assert_eq!(mapped, Some((4096, NOSPC)));
    maps.unmap(0, PAGE).unwrap();
    maps.map(0, PAGE).unwrap();
    maps.unmap(0, 1 << 40).unwrap();
    maps.map(0, PAGE).unwrap();
}
