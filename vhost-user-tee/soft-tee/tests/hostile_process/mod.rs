// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A program in place of the runtime: a TA process that is hostile in whole.

#![allow(dead_code)] // Each test program uses some of it.
#![allow(clippy::unwrap_used, clippy::panic)] // It is for tests.

use std::sync::Arc;
use std::time::Duration;

use soft_tee::State;
use tee::{gp, Context, Failure};
use uuid::{uuid, Uuid};

use crate::common::*;

/// The common part: receives the start, maps the mailbox, waits for calls. `ON_CALL` follows.
const PROGRAM: &str = r#"
    #include <limits.h>
    #include <linux/futex.h>
    #include <stdint.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <sys/socket.h>
    #include <sys/syscall.h>
    #include <unistd.h>

    enum { IDLE, CALL, REPLY, SERVICE, SERVICED };
    static struct page { uint32_t turn, cancelled; uint64_t words, apart[14], message[496]; } *page;
    static int memory_socket, exchange_fd;
    static unsigned char *exchange;

    /* What makes it look like a runtime. */
    void TEE_Panic(uint32_t code) { _exit((int)code); }

    static void hand_over(uint32_t turn)
    {
        __atomic_exchange_n(&page->turn, turn, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, &page->turn, FUTEX_WAKE, INT_MAX, 0, 0, 0);
    }

    static void await(uint32_t turn)
    {
        while ((__atomic_load_n(&page->turn, __ATOMIC_SEQ_CST) & INT_MAX) != turn)
            usleep(100);
    }

    /* An answer of success. */
    static inline void reply(void)
    {
        memset(page->message, 0, sizeof(page->message));
        hand_over(REPLY);
    }

    static void on_call(void);

    int main(void)
    {
        union { char bytes[CMSG_SPACE(4 * sizeof(int))]; struct cmsghdr align; } control;
        char start[256];
        struct iovec part = { start, sizeof(start) };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
            .msg_controllen = sizeof(control) };
        int fds[4];

        if (recvmsg(0, &message, 0) <= 0)
            return 1;
        memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fds));
        memory_socket = fds[2];
        exchange_fd = fds[3];
        exchange = mmap(0, 256 << 10, PROT_READ | PROT_WRITE, MAP_SHARED, exchange_fd, 0);
        page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
        for (;;) {
            await(CALL);
            on_call();
        }
    }
"#;

/// A second TA, of the same program.
pub(crate) const OTHER: Uuid = uuid!("355ca50b-8cb4-4de0-a633-59e17afc16fb");

/// A TEE with this program as its runtime.
pub(crate) struct Hostile {
    pub(crate) tee: soft_tee::SoftTee,
    _folder: tempfile::TempDir,
}

impl Hostile {
    pub(crate) fn new(on_call: &str) -> Self {
        Self::with_storage(on_call, soft_tee::DEFAULT_STORAGE)
    }

    /// The same, where TAs may store so many bytes.
    pub(crate) fn with_storage(on_call: &str, bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("hostile");
        soft_tee_testing::compile_program(
            &format!("{PROGRAM}\nstatic void on_call(void) {{ {on_call} }}"),
            &program,
        );
        for (uuid, time_low) in [(MULTI, "0x355ca50a"), (OTHER, "0x355ca50b")] {
            let source = ta_source("").replace("0x355ca50a", time_low);
            soft_tee_testing::compile(&source, &folder.path().join(format!("{uuid}.ta")));
        }
        let tee = soft_tee_with("hostile", |config| {
            config.ta_dir = folder.path().to_owned();
            config.ta_runtime = program;
            config.limits.grace = Duration::from_millis(200);
            config.state = Arc::new(State::in_memory(bytes).unwrap());
        });
        Self { tee, _folder: folder }
    }

    pub(crate) fn context(&self) -> Arc<dyn Context> {
        context(&self.tee)
    }

    /// What opening a session comes to.
    pub(crate) fn open(&self) -> Option<Failure> {
        open(&self.context(), MULTI).err()
    }
}

/// What comes of a call of an instance that has ended.
pub(crate) const DEAD: Option<Failure> = Some(Failure::tee(gp::ERROR_TARGET_DEAD));
