// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The network, for TAs (`pta_socket.h`). A VM's TAs have no network of the host's: every session is refused. That is
//! told from a TEE without sockets, which says `TEE_ERROR_ITEM_NOT_FOUND`.

use tee::gp;
use uuid::{uuid, Uuid};

use super::{Call, PseudoTa};

/// The pseudo TA.
pub(super) struct Socket;

impl PseudoTa for Socket {
    fn uuid(&self) -> Uuid {
        uuid!("3b996a7d-2c2b-4a49-a896-e1fb5766d2f4")
    }

    fn open(&self, _call: &mut Call<'_>) -> Result<(), u32> {
        Err(gp::ERROR_ACCESS_DENIED)
    }

    fn invoke(&self, _command: u32, _call: &mut Call<'_>) -> Result<(), u32> {
        Err(gp::ERROR_ACCESS_DENIED)
    }
}
