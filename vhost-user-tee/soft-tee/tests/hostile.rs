// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A TA process that is hostile in whole: a program in place of the runtime that takes the daemon's
//! first message and then breaks the protocol. Whatever it does, calls end with an error, memory is
//! given back, and other VMs' TEEs and the daemon go on.

#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

mod common;
mod hostile_process;

use std::time::{Duration, Instant};

use common::*;
use hostile_process::*;
use tee::{gp, Access, CancelToken, Failure, Lifetime};

#[test]
fn a_turn_that_does_not_exist() {
    assert_eq!(Hostile::new("hand_over(77); pause();").open(), DEAD);
    // Nor one that is not its to give.
    assert_eq!(Hostile::new("hand_over(IDLE); pause();").open(), DEAD);
    assert_eq!(Hostile::new("hand_over(SERVICED); pause();").open(), DEAD);
}

#[test]
fn the_daemons_own_mark_of_death() {
    assert_eq!(Hostile::new("hand_over(5); pause();").open(), DEAD);
}

#[test]
fn a_reply_of_nonsense() {
    let hostile = Hostile::new("memset(page->message, 0xff, sizeof(page->message)); hand_over(REPLY);");
    assert_eq!(hostile.open(), Some(Failure::tee(gp::ERROR_COMMUNICATION)));
}

#[test]
fn results_of_nonsense() {
    let hostile = Hostile::new(
        "memset(page->message, 0xff, sizeof(page->message)); memset(page->message, 0, 8); hand_over(REPLY);",
    );
    let session = open(&hostile.context(), MULTI).unwrap();
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Transient, &[(0, 1)]);
    let mut params = [value(Access::Output, 0, 0), memref(Access::Output, &memory, 0, 8)];
    invoke(&session, NOP, &mut params).unwrap();
    // What a client makes of sizes is its own affair: they say what a TA would have needed.
    assert_eq!(values(&params[0]), (u64::from(u32::MAX), u64::from(u32::MAX)));
    session.close(&CancelToken::new());
}

#[test]
fn a_service_of_nonsense() {
    let hostile = Hostile::new(
        "memset(page->message, 0xff, sizeof(page->message)); hand_over(SERVICE); await(SERVICED);
        uint32_t ret = (uint32_t)page->message[0]; memset(page->message, 0, sizeof(page->message));
        page->message[0] = (uint64_t)ret << 32; hand_over(REPLY);",
    );
    assert_eq!(hostile.open(), Some(Failure::trusted_app(gp::ERROR_NOT_SUPPORTED)));
}

/// Asks for what a TA asks as a client of others; the answer is the session's.
const ASK: &str = "hand_over(SERVICE); await(SERVICED);
    uint32_t ret = (uint32_t)page->message[0]; memset(page->message, 0, sizeof(page->message));
    page->message[0] = (uint64_t)ret << 32; hand_over(REPLY);";

#[test]
fn requests_of_nonsense_to_other_tas() {
    let [lend, open, invoke, close] = [0x100, 0x101, 0x102, 0x103];
    // A parameter of memory that the call has not; and whatever there is in all that follows the service.
    let memref = "page->message[3] = (uint64_t)5 << 32; page->message[5] = 7; page->message[6] = 0;";
    for (service, more, ret) in [
        (lend, "", gp::ERROR_OUT_OF_MEMORY),
        (open, "", gp::ERROR_ITEM_NOT_FOUND),
        (open, memref, gp::ERROR_BAD_PARAMETERS),
        (invoke, "", gp::ERROR_BAD_PARAMETERS),
        (close, "", gp::ERROR_ITEM_NOT_FOUND),
    ] {
        let hostile = Hostile::new(&format!(
            "memset(page->message, 0xff, sizeof(page->message)); {more}
            ((uint32_t *)page->message)[0] = {service}; {ASK}"
        ));
        assert_eq!(hostile.open(), Some(Failure::trusted_app(ret)), "service {service:#x} {more}");
    }
}

/// However often it asks for memory to lend, it has no more than it was last given.
#[test]
fn keeping_what_was_to_be_lent() {
    let hostile = Hostile::new(
        r#"
        union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
        static char part[16384], *kept[2];
        for (int i = 0; i < 2; i++) {
            memset(page->message, 0, sizeof(page->message));
            page->message[0] = 0x100; page->message[1] = 65536;
            hand_over(SERVICE); await(SERVICED);
            struct iovec iov = { part, sizeof(part) };
            struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                                      .msg_controllen = sizeof(control) };
            if (recvmsg(memory_socket, &message, 0) < 0) _exit(1);
            int fd; memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
            kept[i] = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            memset(kept[i], 1, 65536);
        }
        int fds[2];
        if (pipe(fds)) _exit(1);
        /* The kernel says of the first that it is not there. */
        uint32_t ret = write(fds[1], kept[1], 1) == 1 && write(fds[1], kept[0], 1) < 0 ? 1 : 2;
        memset(page->message, 0, sizeof(page->message));
        page->message[0] = (uint64_t)ret << 32; hand_over(REPLY);
        "#,
    );
    assert_eq!(hostile.open(), Some(Failure::trusted_app(1)));
}

/// It does not take what is sent.
#[test]
fn asking_for_memory_without_end() {
    let hostile = Hostile::new(
        "for (;;) { memset(page->message, 0, sizeof(page->message));
            page->message[0] = 0x100; page->message[1] = 4096; hand_over(SERVICE); await(SERVICED); }",
    );
    assert_eq!(hostile.open(), DEAD);
}

#[test]
fn scribbling_all_over_the_mailbox() {
    let hostile = Hostile::new(
        "unsigned seed = 1; for (;;) { seed = seed * 1103515245 + 12345;
            ((uint32_t *)page)[32 + seed / 65536 % 100] = seed; hand_over(seed / 65536 % 8); }",
    );
    for _ in 0..20 {
        let context = hostile.context();
        if let Ok(session) = open(&context, MULTI) {
            let _ = invoke(&session, NOP, &mut []);
        }
    }
}

/// It is given registered memory, which is taken back: its process is killed, as it does not answer to that.
#[track_caller]
fn is_killed_for_the_memory(hostile: &Hostile) {
    let context = hostile.context();
    let session = open(&context, MULTI).unwrap();
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Registered, &[(0, 1)]);
    invoke(&session, NOP, &mut [memref(Access::Input, &memory, 0, 8)]).unwrap();
    context.release_memory(&memory);
    assert_eq!(invoke(&session, NOP, &mut []).err(), DEAD);
    session.close(&CancelToken::new());
}

#[test]
fn keeping_memory() {
    // It holds on to the descriptors: the memory is the process's as long as it lives.
    let hostile = Hostile::new("reply();");
    is_killed_for_the_memory(&hostile);
}

#[test]
fn a_flood_of_answers_for_other_memory() {
    let hostile = Hostile::new(
        "uint64_t gone[2] = { 3, 99 }; reply();
            while ((__atomic_load_n(&page->turn, __ATOMIC_SEQ_CST) & INT_MAX) != CALL)
                send(0, gone, sizeof(gone), MSG_DONTWAIT);",
    );
    is_killed_for_the_memory(&hostile);
}

/// It says that memory is gone before it is asked, and never reads what it is asked.
#[test]
fn answers_without_questions() {
    let hostile = Hostile::new(
        "static uint64_t part[2048];
        if (recv(memory_socket, part, sizeof(part), MSG_DONTWAIT) > 0) {
            uint64_t gone[2] = { 3, part[0] }; send(0, gone, sizeof(gone), 0);
        }
        reply();",
    );
    let context = hostile.context();
    let client = std::thread::spawn(move || {
        let session = open(&context, MULTI).unwrap();
        let ram = Ram::new(1);
        // More than a socket holds.
        let ended = (0..10_000).find_map(|_| {
            let memory = ram.memory(Lifetime::Registered, &[(0, 1)]);
            let called = invoke(&session, NOP, &mut [memref(Access::Input, &memory, 0, 8)]);
            context.release_memory(&memory);
            called.err()
        });
        session.close(&CancelToken::new());
        ended
    });
    wait_until("no release waits for it", || client.is_finished());
    assert_eq!(client.join().unwrap(), DEAD);
}

#[test]
fn nonsense_on_the_control_socket() {
    let hostile = Hostile::new(
        "static char junk[5000]; while (send(0, junk, sizeof(junk), MSG_DONTWAIT) > 0) ; reply();",
    );
    is_killed_for_the_memory(&hostile);
}

#[test]
fn hanging_up() {
    let hostile = Hostile::new("close(memory_socket); reply();");
    let session = open(&hostile.context(), MULTI).unwrap();
    let ram = Ram::new(1);
    let memory = ram.memory(Lifetime::Transient, &[(0, 1)]);
    let called = invoke(&session, NOP, &mut [memref(Access::Input, &memory, 0, 8)]);
    assert!(called.is_ok() || called.err() == DEAD);
    assert_eq!(invoke(&session, NOP, &mut []).err(), DEAD);
    session.close(&CancelToken::new());
}

#[test]
fn taking_no_memory_in() {
    let hostile = Hostile::new("static int calls; if (calls++) pause(); reply();");
    let session = open(&hostile.context(), MULTI).unwrap();
    // More parts than the socket holds: the caller waits, until the end of the VM.
    let pages = 40_000;
    let ram = Ram::new(pages * 2);
    let runs: Vec<_> = (0..pages).map(|page| (page * 2, 1)).collect();
    let memory = ram.memory(Lifetime::Transient, &runs);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| invoke(&session, NOP, &mut [memref(Access::Input, &memory, 0, 8)]));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!call.is_finished());
        let start = Instant::now();
        drop(hostile);
        assert!(start.elapsed() < Duration::from_secs(30));
        assert_eq!(call.join().unwrap().err(), DEAD);
    });
    session.close(&CancelToken::new());
}

#[test]
fn leaving_with_words() {
    assert_eq!(Hostile::new("page->words = (uint64_t)-1; _exit(3);").open(), DEAD);
    assert_eq!(Hostile::new("page->words = 1ull << 32 | 7; _exit(0);").open(), DEAD);
}

#[test]
fn printing_without_end() {
    let hostile = Hostile::new(
        "static char text[100000]; memset(text, 7, sizeof(text));
        for (int i = 0; i < 200; i++) { text[i * 300] = '\\n'; if (write(2, text, sizeof(text)) < 0) break; }
        reply();",
    );
    let session = open(&hostile.context(), MULTI).unwrap();
    session.close(&CancelToken::new());
}
