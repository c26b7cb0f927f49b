// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A store held against a simple model of one, on disks that do what disks do.

mod disks;
mod faults;
mod flips;
mod model;
mod objects;
mod records;

use uuid::Uuid;

use crate::{Id, Store};

const KEY: [u8; 32] = [7; 32];
const QUOTA: u64 = 16 << 20;
const TA: Uuid = Uuid::from_u128(1);
const OTHER_TA: Uuid = Uuid::from_u128(2);

fn id(name: &str) -> Id {
    Id::new(name.as_bytes()).unwrap()
}

/// Data that tell where they are from.
fn data(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3] ^ seed).collect()
}

/// All data of an object.
fn contents(store: &Store, ta: Uuid, id: &Id) -> Result<Vec<u8>, crate::Error> {
    let space = store.space(ta, 1)?;
    let size = space.info(id)?.size;
    let mut data = vec![0xee; size as usize + 10];
    let len = space.read(id, 0, &mut data)?;
    data.truncate(len);
    Ok(data)
}
