// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Secure storage, asked by a TA process that is hostile in whole: raw requests, which no runtime would make. Each is
//! answered with an error or does what it says to the TA's own objects, those of another TA stay as they are, and
//! what the daemon keeps for it has an end.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;
mod hostile_process;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::*;
use hostile_process::*;
use ta_protocol::exchange;
use ta_protocol::storage::{self as service, flag};
use tee::{gp, Access, CancelToken, Failure, Session};

/// Hands requests on as the client makes them, and the answers back. Bits of p3's `b` say which arguments have all
/// bits set above the lower 32; the exchange is full of bytes of p3's `a`, unless that is more than a byte.
const HAND_ON: &str = r"
    uint64_t args[8], *param = &page->message[5], answer[7];
    if ((uint32_t)page->message[0] != 2) { reply(); return; }
    uint32_t service = (uint32_t)page->message[1];
    for (int at = 0; at < 8; at++) args[at] = param[at / 2 * 3 + at % 2];
    for (int at = 0; at < 6; at++) if (args[7] >> at & 1) args[at] |= 0xffffffffull << 32;
    if (args[6] < 256) memset(exchange, (int)args[6], 256 << 10);
    memset(page->message, 0, sizeof(page->message));
    page->message[0] = service;
    memcpy(&page->message[1], args, 6 * 8);
    hand_over(SERVICE); await(SERVICED);
    memcpy(answer, page->message, sizeof(answer));
    memset(page->message, 0, sizeof(page->message));
    answer[0] &= 0xffffffff;
    for (int at = 0; at < 7; at++) page->message[1 + at / 2 * 3 + at % 2] = answer[at];
    page->message[11] = exchange[0];
    hand_over(REPLY);
";

/// `TEE_STORAGE_PRIVATE`.
const PRIVATE: u64 = 1;
const ALL: u64 = flag::OPEN as u64;
const LEN: u64 = exchange::LEN as u64;

/// A TA process that asks what it is told to.
struct Asker(Arc<dyn Session>);

impl Asker {
    fn new(hostile: &Hostile, uuid: uuid::Uuid) -> Self {
        Self(open(&hostile.context(), uuid).unwrap())
    }

    /// Asks `service` with an exchange full of `fill`; returns the result, the first words of the answer, and the
    /// first byte that is in the exchange then.
    fn ask(&self, service: u32, args: [u64; 6], fill: u64) -> (u32, [u64; 6], u8) {
        let high = |at: usize| u64::from(args[at] > u32::MAX.into()) << at;
        let mut params = [
            value(Access::InOut, args[0] & 0xffff_ffff, args[1] & 0xffff_ffff),
            value(Access::InOut, args[2] & 0xffff_ffff, args[3] & 0xffff_ffff),
            value(Access::InOut, args[4] & 0xffff_ffff, args[5] & 0xffff_ffff),
            value(Access::InOut, fill, (0..6).map(high).sum()),
        ];
        invoke(&self.0, service, &mut params).unwrap();
        let [(ret, a), (b, c), (d, e), (f, byte)] = [0, 1, 2, 3].map(|at| values(&params[at]));
        (ret as u32, [a, b, c, d, e, f], byte as u8)
    }

    fn ret(&self, service: u32, args: [u64; 6], fill: u64) -> u32 {
        self.ask(service, args, fill).0
    }

    /// Makes the object with a name of one byte, `name`, which is its data as well; returns its handle.
    fn create(&self, name: u8) -> u64 {
        let (ret, [handle, ..], _) = self.ask(service::CREATE, [PRIVATE, 1, ALL, 0, 1, 0], name.into());
        assert_eq!(ret, gp::SUCCESS);
        handle
    }

    fn close(self) {
        self.0.close(&CancelToken::new());
    }
}

/// No handle, or the handle of another instance, is of use.
#[test]
fn handles_of_others() {
    let hostile = Hostile::new(HAND_ON);
    let other = Asker::new(&hostile, OTHER);
    let theirs: Vec<u64> = (b'a'..=b'z').map(|name| other.create(name)).collect();
    // Another TA, and another instance of the same.
    for uuid in [MULTI, OTHER] {
        let asker = Asker::new(&hostile, uuid);
        let wrong = [0, 1 << 31, u64::from(u32::MAX), u64::MAX - 0xffff_ffff, u64::MAX];
        for handle in theirs.iter().copied().chain(wrong) {
            for of_handle in [
                service::CLOSE,
                service::DELETE,
                service::RENAME,
                service::INFO,
                service::READ,
                service::WRITE,
                service::SET_SIZE,
                service::SET_META,
            ] {
                let ret = asker.ret(of_handle, [handle, 1, 1, 0, 0, 0], 0);
                assert_eq!(ret, gp::ERROR_BAD_PARAMETERS, "service {of_handle:#x} of {handle}");
            }
        }
        // What is open exclusively is for nobody else; a name of the other TA is no name of this one's.
        let expected = if uuid == OTHER { gp::ERROR_ACCESS_CONFLICT } else { gp::ERROR_ITEM_NOT_FOUND };
        assert_eq!(asker.ret(service::OPEN, [PRIVATE, 1, ALL, 0, 0, 0], b'a'.into()), expected);
        asker.close();
    }
    for (handle, name) in theirs.iter().zip(b'a'..) {
        let (ret, [len, ..], byte) = other.ask(service::READ, [*handle, 0, 100, 0, 0, 0], 0);
        assert_eq!((ret, len, byte), (gp::SUCCESS, 1, name));
    }
    // A closed handle comes to life no more.
    assert_eq!(other.ret(service::CLOSE, [theirs[0], 0, 0, 0, 0, 0], 0), gp::SUCCESS);
    other.create(b'A');
    assert_eq!(other.ret(service::INFO, [theirs[0], 0, 0, 0, 0, 0], 0), gp::ERROR_BAD_PARAMETERS);
    other.close();
}

/// Lengths of more than there is, of names, meta and data.
#[test]
fn lengths_of_nonsense() {
    let hostile = Hostile::new(HAND_ON);
    let asker = Asker::new(&hostile, MULTI);
    let handle = asker.create(b'x');
    let bad = gp::ERROR_BAD_PARAMETERS;
    for len in [65, LEN, LEN + 1, 0xffff_ffff, u64::MAX] {
        assert_eq!(asker.ret(service::OPEN, [PRIVATE, len, ALL, 0, 0, 0], 1), bad, "{len}");
        assert_eq!(asker.ret(service::CREATE, [PRIVATE, len, ALL, 0, 0, 0], 1), bad, "{len}");
        assert_eq!(asker.ret(service::RENAME, [handle, len, 0, 0, 0, 0], 1), bad, "{len}");
    }
    for len in [(64 << 10) + 1, LEN, LEN + 1, u64::MAX] {
        assert_eq!(asker.ret(service::CREATE, [PRIVATE, 1, ALL, len, 0, 0], 2), bad, "meta of {len}");
        assert_ne!(asker.ret(service::SET_META, [handle, len, 0, 0, 0, 0], 2), gp::SUCCESS, "meta of {len}");
    }
    for len in [LEN, LEN + 1, u64::MAX - 1, u64::MAX] {
        assert_eq!(asker.ret(service::CREATE, [PRIVATE, 1, ALL, 0, len, 0], 3), bad, "data of {len}");
        if len > LEN {
            assert_eq!(asker.ret(service::WRITE, [handle, 0, len, 0, 0, 0], 3), bad, "data of {len}");
            assert_eq!(asker.ret(service::READ, [handle, 0, len, 0, 0, 0], 3), bad, "data of {len}");
            assert_eq!(asker.ret(service::STAGE, [len, 0, 0, 0, 0, 0], 3), bad, "data of {len}");
        }
    }
    for offset in [0xffff_ffff, u64::MAX] {
        let write = asker.ret(service::WRITE, [handle, offset, 2, 0, 0, 0], 4);
        assert_eq!(write, gp::ERROR_OVERFLOW, "at {offset}");
        let (ret, [len, ..], _) = asker.ask(service::READ, [handle, offset, 2, 0, 0, 0], 4);
        assert_eq!((ret, len), (gp::SUCCESS, 0), "at {offset}");
    }
    assert_eq!(asker.ret(service::SET_SIZE, [handle, u64::MAX, 0, 0, 0, 0], 0), gp::ERROR_OVERFLOW);
    // Flags and storages that there are not.
    for flags in [8, 0x40, 0x800, 0x8000_0000, u64::MAX] {
        assert_eq!(asker.ret(service::OPEN, [PRIVATE, 1, flags, 0, 0, 0], b'x'.into()), bad, "{flags:#x}");
        assert_eq!(asker.ret(service::CREATE, [PRIVATE, 1, flags, 0, 0, 0], 5), bad, "{flags:#x}");
    }
    for storage in [0, 2, 3, 0x8000_0001, u64::MAX] {
        let nowhere = gp::ERROR_ITEM_NOT_FOUND;
        assert_eq!(
            asker.ret(service::OPEN, [storage, 1, ALL, 0, 0, 0], b'x'.into()),
            nowhere,
            "{storage:#x}"
        );
        assert_eq!(asker.ret(service::CREATE, [storage, 1, ALL, 0, 0, 0], 5), nowhere, "{storage:#x}");
        assert_eq!(asker.ret(service::NEXT, [storage, 0, 0, 0, 0, 0], 5), nowhere, "{storage:#x}");
    }
    // Nothing has been made, and what there was is as it was.
    let found = asker.ask(service::NEXT, [PRIVATE, 0, 0, 0, 0, 0], 0);
    assert_eq!((found.0, found.1[..3].to_vec()), (gp::SUCCESS, vec![1, 1, 0]));
    assert_eq!(asker.ask(service::READ, [handle, 0, 8, 0, 0, 0], 0).2, b'x');
    asker.close();
}

#[test]
fn services_that_do_not_exist() {
    let hostile = Hostile::new(HAND_ON);
    let asker = Asker::new(&hostile, MULTI);
    for unknown in [0, 2, 3, 0xff, 0x104, 0x1ff, service::SET_TIME + 1, 0x7fff_ffff, u32::MAX] {
        assert_eq!(asker.ret(unknown, [1; 6], 1), gp::ERROR_NOT_SUPPORTED, "{unknown:#x}");
    }
    asker.close();
}

/// The exchange cannot be made shorter beneath the daemon.
#[test]
fn an_exchange_that_shrinks() {
    let hostile = Hostile::new(
        "page->message[0] = (uint64_t)(ftruncate(exchange_fd, 0) ? 1 : 2) << 32;
        memset(&page->message[1], 0, sizeof(page->message) - 8); hand_over(REPLY);",
    );
    assert_eq!(hostile.open(), Some(Failure::trusted_app(1)));
}

/// Objects, handles, staged data and enumerations without end.
#[test]
fn quantities_of_nonsense() {
    const QUOTA: u64 = 2 << 20;
    let hostile = Hostile::with_storage(HAND_ON, QUOTA);
    let other = Asker::new(&hostile, OTHER);
    let theirs = other.create(b'o');
    let asker = Asker::new(&hostile, MULTI);
    let before = private_memory();

    // Handles of one object.
    let shared = u64::from(flag::ACCESS_READ | flag::SHARE_READ);
    let first = asker.ask(service::CREATE, [PRIVATE, 1, shared, 0, 1, 0], b's'.into());
    assert_eq!(first.0, gp::SUCCESS);
    let open_more = || asker.ret(service::OPEN, [PRIVATE, 1, shared, 0, 0, 0], b's'.into());
    assert!((1..1024).all(|_| open_more() == gp::SUCCESS));
    assert_eq!(open_more(), gp::ERROR_OUT_OF_MEMORY);
    assert_eq!(asker.ret(service::CLOSE, [first.1[0], 0, 0, 0, 0, 0], 0), gp::SUCCESS);
    assert_eq!(open_more(), gp::SUCCESS);

    // Staged data, as much as may be stored; that which is too much gives all of it up.
    let stage = || asker.ret(service::STAGE, [LEN, 0, 0, 0, 0, 0], 7);
    assert!((0..QUOTA / LEN).all(|_| stage() == gp::SUCCESS));
    assert_eq!(stage(), gp::ERROR_STORAGE_NO_SPACE);
    assert_eq!(stage(), gp::SUCCESS);
    asker.close();

    // Objects of each size, with names of each length, until there is no room; none is half there.
    let asker = Asker::new(&hostile, MULTI);
    let mut made = 0;
    let ends = (0..u64::MAX).find_map(|number| {
        let (id_len, fill) = (number / 100 % 64 + 1, number % 100 + 120);
        let args = [PRIVATE, id_len, 0, number % 500, number % 9 * 1000, 0];
        let (ret, [handle, ..], _) = asker.ask(service::CREATE, args, fill);
        if ret != gp::SUCCESS {
            return Some(ret);
        }
        made += 1;
        assert_eq!(asker.ret(service::CLOSE, [handle, 0, 0, 0, 0, 0], fill), gp::SUCCESS);
        None
    });
    assert_eq!(ends, Some(gp::ERROR_STORAGE_NO_SPACE));
    assert!(made > 100, "{made} objects");
    assert_eq!(asker.ret(service::NEXT, [PRIVATE, 0, 0, 0, 0, 0], 0), gp::SUCCESS);
    let more = |_: &u32| asker.ret(service::NEXT, [PRIVATE, 1, 0, 0, 0, 0], 256) == gp::SUCCESS;
    // 's' is there as well.
    assert_eq!((1..1_000_000).take_while(more).count(), made);

    // Cursors that nobody has given out.
    for fill in 0..256 {
        let ret = asker.ret(service::NEXT, [PRIVATE, 1, 0, 0, 0, 0], fill);
        assert!([gp::SUCCESS, gp::ERROR_ITEM_NOT_FOUND].contains(&ret), "{ret:#x}");
    }
    asker.close();

    assert_eq!(other.ask(service::READ, [theirs, 0, 9, 0, 0, 0], 0).2, b'o');
    other.close();
    let grown = private_memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more, for {QUOTA} that may be stored");
}

/// Anything, in any order: services, arguments and contents by a generator of random numbers.
#[test]
fn requests_of_chance() {
    let hostile = Hostile::with_storage(HAND_ON, 1 << 20);
    let other = Asker::new(&hostile, OTHER);
    let theirs = other.create(b'o');
    let asker = Asker::new(&hostile, MULTI);
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut chance = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let mut done = [0; 14];
    let (mut warm, mut handle) = (0, 0);
    for round in 0..6000 {
        let number = chance(14) as u32;
        // Mostly what could come from a runtime, in part.
        let first = if number < 2 || number == 11 { PRIVATE } else { handle - chance(3).min(handle) };
        let args = [first, chance(3), ALL, chance(90_000), chance(90_000), 0].map(|arg| match chance(20) {
            0 => chance(1 << 32),
            1 => u64::MAX - chance(1 << 32),
            2 => [63, 64, 65, LEN, 1 << 31, 0x8000_0100, 61_440, u64::MAX][chance(8) as usize],
            3 => chance(100_000),
            4 => chance(8),
            _ => arg,
        });
        let (ret, answer, _) = asker.ask(service::OPEN + number, args, chance(4) * 64);
        if ret == gp::SUCCESS {
            done[number as usize] += 1;
            if number < 2 {
                handle = answer[0];
            }
        }
        assert_ne!(ret, gp::ERROR_CORRUPT_OBJECT, "round {round}");
        if round == 3000 {
            warm = private_memory();
        }
    }
    assert!(done.iter().all(|count| *count > 0), "each has succeeded at times: {done:?}");
    let grown = private_memory().saturating_sub(warm);
    assert!(grown < 64 << 20, "{grown} bytes more");
    asker.close();
    assert_eq!(other.ask(service::READ, [theirs, 0, 9, 0, 0, 0], 0).2, b'o');
    other.close();
}

/// A process that asks for one thing after the other, and comes to no end, is not waited for any longer than one that
/// says nothing.
#[test]
fn asking_without_end() {
    let hostile = Hostile::new(
        "if ((uint32_t)page->message[0] < 4) { reply(); return; }
        for (;;) { memset(page->message, 0, sizeof(page->message));
            page->message[0] = 0x203; hand_over(SERVICE);
            while ((__atomic_load_n(&page->turn, __ATOMIC_SEQ_CST) & INT_MAX) != SERVICED) ; }",
    );
    let session = open(&hostile.context(), MULTI).unwrap();
    let start = Instant::now();
    session.close(&CancelToken::new());
    drop(hostile);
    assert!(start.elapsed() < Duration::from_secs(30));
}
