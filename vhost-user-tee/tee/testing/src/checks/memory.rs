// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Memory in a call: each byte right, none beside it touched, however it is laid out.

use std::fs::File;
use std::sync::Arc;
use std::thread;

use tee::{gp, Access, Failure, Lifetime, Memory, Origin, Param, Run};

use super::wait_until;
use crate::client::*;
use crate::probe::{FILL, MIX, MULTI, NOP, NULL_MEMREF, SHORT_BUFFER, WATCH};
use crate::ram::{page, Ram};
use crate::Subject;

const LIFETIMES: [Lifetime; 2] = [Lifetime::Transient, Lifetime::Registered];

/// Length of a memref that is shared where the TEE shares any.
fn long(subject: &Subject) -> u64 {
    subject.promises.shared_above.unwrap_or(0).next_multiple_of(page()) + page()
}

/// Bytes, each other than its neighbours, that differ with `seed`.
fn pattern(seed: u8, len: u64) -> Vec<u8> {
    (0..len).map(|at| seed.wrapping_add((at % 251) as u8).wrapping_mul(7)).collect()
}

/// What the probe's `MIX` makes of such bytes: its output, and what was input and output.
fn mixed(input: &[u8], inout: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let pairs = || input.iter().zip(inout);
    (pairs().map(|(a, b)| a ^ b).collect(), pairs().map(|(a, b)| a.wrapping_add(*b)).collect())
}

pub(super) fn directions(subject: &Subject) {
    let context = subject.context();
    let session = open(&context, MULTI).unwrap();
    for lifetime in LIFETIMES {
        for (at, len) in [(0, 1), (13, 100), (page() - 5, page() + 10), (page() + 1, long(subject))] {
            let pages = (at + len).div_ceil(page()) + 1;
            let rams = [(); 3].map(|()| Ram::new(pages));
            let before: Vec<_> = (1..=3).map(|seed| pattern(seed, pages * page())).collect();
            for (ram, bytes) in rams.iter().zip(&before) {
                ram.write(0, bytes);
            }
            let memories = rams.each_ref().map(|ram| ram.memory(lifetime, &[(0, pages)]));
            let accesses = [Access::Input, Access::Output, Access::InOut];
            let mut params = [0, 1, 2].map(|n| memref(accesses[n], &memories[n], at, len));
            invoke(&session, MIX, &mut params).unwrap();

            let part = at as usize..(at + len) as usize;
            let (output, inout) = mixed(&before[0][part.clone()], &before[2][part.clone()]);
            let mut expected = before;
            expected[1][part.clone()].copy_from_slice(&output);
            expected[2][part].copy_from_slice(&inout);
            for (n, (ram, expected)) in rams.iter().zip(&expected).enumerate() {
                assert!(ram.bytes() == *expected, "{lifetime:?}, {len} bytes from {at}: parameter {n}");
                assert_eq!(size(&params[n]), len);
            }
            memories.iter().for_each(|memory| context.release_memory(memory));
        }
    }
    close(&session);
}

pub(super) fn sizes(subject: &Subject) {
    let session = open(&subject.context(), MULTI).unwrap();
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Transient, &[(0, 1)]);
    let short = Err(Failure::trusted_app(gp::ERROR_SHORT_BUFFER));
    for (room, needed, result) in [
        (10, 100, short),
        (10, u64::from(u32::MAX), short),
        (1000, 100, Ok(())),
        (100, 100, Ok(())),
        (9, 0, Ok(())),
    ] {
        ram.set_page(0, 0xee);
        let mut params = [memref(Access::Output, &memory, 7, room), value(Access::Input, needed, 0)];
        assert_eq!(invoke(&session, SHORT_BUFFER, &mut params), result);
        assert_eq!(size(&params[0]), needed);
        let written = if result.is_ok() { needed as usize } else { 0 };
        let expected = [vec![0xee; 7], vec![0x5a; written]].concat();
        let bytes = ram.bytes();
        assert_eq!(bytes[..expected.len()], expected);
        assert!(bytes[expected.len()..].iter().all(|byte| *byte == 0xee), "{room}, {needed}");
    }
    // What only goes in keeps its size, and so does what the TA fills.
    let mut params = [memref(Access::Output, &memory, 0, 33), value(Access::Input, 1, 0)];
    invoke(&session, FILL, &mut params).unwrap();
    assert_eq!(size(&params[0]), 33);
    close(&session);
}

pub(super) fn null(subject: &Subject) {
    let session = open(&subject.context(), MULTI).unwrap();
    for access in [Access::Input, Access::Output, Access::InOut] {
        for size in [0, 12] {
            let mut params = [Param::MemRef { access, buffer: None, size }, value(Access::Output, 7, 7)];
            invoke(&session, NULL_MEMREF, &mut params).unwrap();
            // Nothing has no size.
            assert_eq!(values(&params[1]), (1, 0), "{access:?}, {size}");
        }
    }
    // So clients ask how much they need.
    let null = Param::MemRef { access: Access::Output, buffer: None, size: 0 };
    let mut params = [null, value(Access::Input, 100, 0)];
    let short = invoke(&session, SHORT_BUFFER, &mut params);
    assert_eq!(short, Err(Failure::trusted_app(gp::ERROR_SHORT_BUFFER)));
    assert_eq!(size(&params[0]), 100);
    close(&session);
}

pub(super) fn scattered(subject: &Subject) {
    const PAGES: u64 = 64;
    let context = subject.context();
    let session = open(&context, MULTI).unwrap();
    let rams = [Ram::new(2 * PAGES), Ram::new(2 * PAGES)];
    // Every second page, backwards, of one file and of the other: no two are neighbours.
    let runs: Vec<_> = (0..PAGES).map(|n| (&rams[n as usize % 2], 2 * (PAGES - n) - 1)).collect();
    for (n, (ram, page_number)) in runs.iter().enumerate() {
        ram.set_page(*page_number, n as u8);
    }
    for lifetime in LIFETIMES {
        let runs: Vec<Run> = runs.iter().map(|(ram, page_number)| ram.run(*page_number, 1)).collect();
        let memory = Arc::new(Memory::new(runs, lifetime));
        let all: u64 = (0..PAGES).sum::<u64>() * page();
        assert_eq!(sum(&session, &memory, 0, memory.size()), all);
        // Across the borders of some.
        let at = 9 * page() - 3;
        assert_eq!(sum(&session, &memory, at, page() + 5), 3 * 8 + 9 * page() + 2 * 10);
        assert_eq!(touch(&session, &memory, at, page() + 5, 3), 10);
        context.release_memory(&memory);
        let (ram, page_number) = (&rams[1], 2 * (PAGES - 9) - 1);
        assert_eq!(ram.byte(page_number * page()), 10);
        ram.set_byte(page_number * page(), 9);
    }
    close(&session);
}

pub(super) fn one_memory(subject: &Subject) {
    let context = subject.context();
    let session = open(&context, MULTI).unwrap();
    for lifetime in LIFETIMES {
        let ram = Ram::new(2);
        let before = pattern(5, 2 * page());
        ram.write(0, &before);
        let memory = ram.memory(lifetime, &[(0, 2)]);
        let at = page() - 50;
        let mut params = [
            memref(Access::Input, &memory, at, 30),
            memref(Access::Output, &memory, at + 30, 30),
            memref(Access::InOut, &memory, at + 60, 30),
        ];
        invoke(&session, MIX, &mut params).unwrap();
        let at = at as usize;
        let (output, inout) = mixed(&before[at..at + 30], &before[at + 60..at + 90]);
        let expected = [&before[..at + 30], &output, &inout, &before[at + 90..]].concat();
        assert!(ram.bytes() == expected, "{lifetime:?}");
        context.release_memory(&memory);
    }
    close(&session);
}

pub(super) fn watched(subject: &Subject) {
    let context = subject.context();
    let session = open(&context, MULTI).unwrap();
    let size = long(subject);
    let pages = size / page();
    let scattered: Vec<_> = (0..pages).rev().map(|page_number| (2 * page_number, 1)).collect();
    for lifetime in LIFETIMES {
        for runs in [&[(1, pages)][..], &scattered] {
            let ram = Ram::new(2 * pages);
            let memory = ram.memory(lifetime, runs);
            let (first, last) =
                (runs[0].0 * page(), (runs[runs.len() - 1].0 + runs[runs.len() - 1].1 - 1) * page());
            let mut params =
                [memref(Access::InOut, &memory, 0, size), value(Access::InOut, 5, size - page() + 9)];
            thread::scope(|scope| {
                let call = scope.spawn(|| invoke(&session, WATCH, &mut params));
                wait_until("the TA's sign", || ram.byte(last + 9) == 1 || call.is_finished());
                ram.set_byte(first + 5, 70);
                call.join().unwrap().unwrap();
            });
            assert_eq!((values(&params[1]).0, ram.byte(last + 9)), (70, 71), "{lifetime:?}");
            context.release_memory(&memory);
        }
    }
    close(&session);
}

pub(super) fn unusable(subject: &Subject) {
    let context = subject.context();
    let session = open(&context, MULTI).unwrap();
    // What cannot be written cannot be mapped for writing.
    let file = Arc::new(File::open("/proc/self/exe").unwrap());
    let bad = Arc::new(Memory::new(vec![Run { file, offset: 0, len: page() }], Lifetime::Registered));
    let ram = Ram::new(1);
    let good = ram.memory(Lifetime::Registered, &[(0, 1)]);
    for _ in 0..2 {
        let mut params = [memref(Access::InOut, &good, 0, 1), memref(Access::InOut, &bad, 0, 1)];
        let failed = invoke(&session, NOP, &mut params).unwrap_err();
        assert_ne!(failed.origin, Origin::TrustedApp);
    }
    assert_eq!(count(&session), (1, 1), "the TA has not heard of it");
    assert_eq!(touch(&session, &good, 0, 1, 0), 1);
    context.release_memory(&bad);
    context.release_memory(&good);
    close(&session);
}
