// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The data streams of persistent objects, as a TA sees them (API 1.3.1, section 5.9).

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod crypto;
mod stored;

use std::sync::Arc;

use crypto::common::soft_tee_with;
use crypto::*;
use soft_tee::State;
use stored::*;
use ta_protocol::storage::flag::*;
use tee::gp;

#[test]
fn data_are_written_and_read() {
    for api in APIS {
        let ta = Ta::new("data", api);
        let flags = ACCESS_READ | ACCESS_WRITE | ACCESS_WRITE_META;
        assert_eq!(create(&ta, 0, b"name", flags, b"0123456789"), gp::SUCCESS);
        let open_flags = PERSISTENT | INITIALIZED | flags;
        assert_eq!(info(&ta, 0), [DATA, 0, 0, ALL, 10, 0, open_flags]);
        assert_eq!(read(&ta, 0, 4), b"0123");
        assert_eq!(read(&ta, 0, 0), b"");
        assert_eq!(info(&ta, 0)[5], 4);
        ta.ok(Call::Write, args(&[0]).bytes(b"abc"));
        assert_eq!(read(&ta, 0, 100), b"789");
        assert_eq!(read(&ta, 0, 100), b"");
        assert_eq!(seek(&ta, 0, -4, CUR), gp::SUCCESS);
        assert_eq!(read(&ta, 0, 100), b"c789"[..].to_vec().as_slice());
        // Beyond the end, and back.
        assert_eq!(seek(&ta, 0, 5, END), gp::SUCCESS);
        assert_eq!((read(&ta, 0, 10), info(&ta, 0)[4]), (vec![], 10));
        ta.ok(Call::Write, args(&[0]).bytes(b""));
        assert_eq!(info(&ta, 0)[4], 10);
        ta.ok(Call::Write, args(&[0]).bytes(b"end"));
        assert_eq!(info(&ta, 0)[4..6], [18, 18]);
        assert_eq!(seek(&ta, 0, -100, CUR), gp::SUCCESS);
        assert_eq!(read(&ta, 0, 100), b"0123abc789\0\0\0\0\0end");
        // Cut, and longer again.
        ta.ok(Call::Truncate, args(&[0, 3]));
        assert_eq!(info(&ta, 0)[4..6], [3, 18]);
        ta.ok(Call::Truncate, args(&[0, 5]));
        assert_eq!(seek(&ta, 0, 0, SET), gp::SUCCESS);
        assert_eq!(read(&ta, 0, 100), b"012\0\0");
        close(&ta, 0);
        assert_eq!(open(&ta, 0, b"name", ACCESS_READ), gp::SUCCESS);
        assert_eq!(read(&ta, 0, 100), b"012\0\0");
        close(&ta, 0);
    }
}

#[test]
fn positions_have_an_end() {
    for api in APIS {
        let ta = Ta::new("positions", api);
        assert_eq!(create(&ta, 0, b"", ACCESS_READ | ACCESS_WRITE, b"x"), gp::SUCCESS);
        for offset in [i32::MAX.into(), 1] {
            assert_eq!(seek(&ta, 0, offset, CUR), gp::SUCCESS);
        }
        for (offset, whence) in [(i64::from(i32::MAX), CUR), (i64::from(i32::MIN), CUR)] {
            assert_eq!(seek(&ta, 0, offset, whence), gp::SUCCESS);
        }
        assert_eq!(seek(&ta, 0, i32::MAX.into(), SET), gp::SUCCESS);
        assert_eq!(seek(&ta, 0, i32::MAX.into(), CUR), gp::SUCCESS);
        assert_eq!(seek(&ta, 0, 2, CUR), gp::ERROR_OVERFLOW);
        assert_eq!(seek(&ta, 0, 1, CUR), gp::SUCCESS);
        assert_eq!(info(&ta, 0)[5], MAX_POSITION);
        let write = |bytes: &[u8]| ta.call(Call::Write, args(&[0]).bytes(bytes)).result;
        assert_eq!(write(b"x"), gp::ERROR_OVERFLOW);
        assert_eq!(seek(&ta, 0, -2, CUR), gp::SUCCESS);
        assert_eq!(write(b"abc"), gp::ERROR_OVERFLOW);
        assert_eq!(write(b"ab"), gp::SUCCESS);
        assert_eq!(info(&ta, 0)[4], MAX_POSITION);
        if api == Api::Now {
            for (offset, whence) in [(1 << 32, SET), (i64::MAX, SET), (i64::MAX, END), (i64::MAX, CUR)] {
                assert_eq!(seek(&ta, 0, offset, whence), gp::ERROR_OVERFLOW);
            }
            assert_eq!(seek(&ta, 0, i64::MIN, END), gp::SUCCESS);
            assert_eq!(info(&ta, 0)[5], 0);
        }
    }
}

#[test]
fn long_data_are_written_at_once() {
    for api in APIS {
        let ta = Ta::new("long", api);
        let len = 1_000_000;
        let pattern = |slot, seed, len| {
            let mut reply = ta.ok(Call::ReadPattern, args(&[slot, seed, len]));
            (reply.u32(), reply.u32())
        };
        let flags = ACCESS_READ | ACCESS_WRITE;
        let made = create_args(0, PRIVATE, b"long", flags, NONE).u32(3).u32(len);
        ta.ok(Call::CreatePattern, made);
        assert_eq!(pattern(0, 3, len + 5), (len, len));
        assert_eq!(seek(&ta, 0, 77, SET), gp::SUCCESS);
        ta.ok(Call::WritePattern, args(&[0, 9, len]));
        assert_eq!(seek(&ta, 0, 0, SET), gp::SUCCESS);
        assert_eq!(pattern(0, 3, 77), (77, 77));
        assert_eq!(pattern(0, 9, 2 * len), (len, len));
        // What does not fit changes nothing.
        let big = create_args(1, PRIVATE, b"big", flags, NONE);
        ta.ok(Call::Create, big.bytes(b""));
        assert_eq!(ta.ok(Call::ReadPattern, args(&[1, 1, 1])).u32s(), [0, 0]);
    }
}

#[test]
fn a_full_storage_loses_nothing() {
    let tee = soft_tee_with("full", |config| config.state = Arc::new(State::in_memory(300_000).unwrap()));
    let ta = Ta::of(Arc::new(tee), Api::Now);
    let flags = ACCESS_READ | ACCESS_WRITE | ACCESS_WRITE_META;
    assert_eq!(create(&ta, 0, b"a", flags, b"0123456789"), gp::SUCCESS);
    assert_eq!(ta.call(Call::WritePattern, args(&[0, 1, 400_000])).result, gp::ERROR_STORAGE_NO_SPACE);
    // What was handed over is forgotten.
    assert_eq!(ta.call(Call::WritePattern, args(&[0, 1, 280_000])).result, gp::SUCCESS);
    let full = create_args(1, PRIVATE, b"b", flags, NONE).u32(1).u32(100_000);
    assert_eq!(ta.call(Call::CreatePattern, full).result, gp::ERROR_STORAGE_NO_SPACE);
    assert_eq!(seek(&ta, 0, 0, SET), gp::SUCCESS);
    assert_eq!(ta.ok(Call::ReadPattern, args(&[0, 1, 300_000])).u32s(), [280_000, 280_000]);
    ta.ok(Call::Truncate, args(&[0, 5]));
    assert_eq!(create(&ta, 1, b"b", flags, &[1; 100_000]), gp::SUCCESS);
}
