// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A call of a pseudo TA: who makes it, and its parameters.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{eventfd, poll, EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use ta_protocol::message::{param_type, Param, MAP_NULL, NUM_PARAMS};
use tee::{gp, Memory};
use zeroize::Zeroizing;

use crate::instance::Instance;
use crate::instances::Instances;
use crate::params::Outgoing;
use crate::terms::{earlier, Terms};

/// How much of a caller's memory is copied at a time.
const CHUNK: usize = 16 * 1024;

/// A call of a pseudo TA.
pub(crate) struct Call<'a> {
    terms: Terms<'a>,
    types: u32,
    params: [Param; NUM_PARAMS],
    memories: &'a [Arc<Memory>],
    lent: Option<u64>,
}

impl<'a> Call<'a> {
    /// A call with the parameters `out`.
    pub(crate) fn new(terms: Terms<'a>, out: &'a Outgoing) -> Self {
        let Outgoing { types, params, memories, lent } = out;
        Self { terms, types: *types, params: *params, memories, lent: *lent }
    }

    /// The parameters as the caller gets them back.
    pub(crate) fn into_results(self) -> [Param; NUM_PARAMS] {
        self.params
    }

    /// The TEE.
    pub(crate) fn instances(&self) -> &'a Instances {
        self.terms.instances
    }

    /// The TA that makes the call; none where a guest does.
    pub(crate) fn ta(&self) -> Option<&'a Instance> {
        self.terms.caller
    }

    /// Waits until `file` is ready for `events`, or `until` then; returns whether it is.
    ///
    /// # Errors
    ///
    /// `TEE_ERROR_CANCEL` where the call is cancelled, or its caller has gone.
    pub(crate) fn wait(
        &self,
        file: impl AsFd,
        events: PollFlags,
        until: Option<Instant>,
    ) -> Result<bool, u32> {
        let cancel_at = earlier(self.terms.cancel_at, self.terms.kill_at);
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let wake = Arc::new(wake.map_err(|_| gp::ERROR_OUT_OF_MEMORY)?);
        let handler = {
            let wake = wake.clone();
            // It fails where the counter is full: the wait is over then.
            move |_| {
                let _ = rustix::io::write(&*wake, &1_u64.to_ne_bytes());
            }
        };
        self.terms.cancel.with_handler(handler, || loop {
            let now = Instant::now();
            let left = earlier(until, cancel_at).map(|at| at.saturating_duration_since(now));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let mut files = [PollFd::new(&file, events), PollFd::new(&*wake, PollFlags::IN)];
            match poll(&mut files, left.as_ref()) {
                Err(Errno::INTR) => {}
                Err(_) => return Err(gp::ERROR_GENERIC),
                Ok(_) if !files[1].revents().is_empty() => return Err(gp::ERROR_CANCEL),
                Ok(_) if !files[0].revents().is_empty() => return Ok(true),
                Ok(_) if cancel_at.is_some_and(|at| at <= Instant::now()) => return Err(gp::ERROR_CANCEL),
                Ok(_) => return Ok(false),
            }
        })
    }

    /// `TEE_ERROR_BAD_PARAMETERS` unless the parameters have these types.
    pub(crate) fn expect(&self, types: [u32; NUM_PARAMS]) -> Result<(), u32> {
        let expected =
            types.iter().enumerate().fold(0, |all, (index, kind)| param_type::set(all, index, *kind));
        if self.types == expected {
            Ok(())
        } else {
            Err(gp::ERROR_BAD_PARAMETERS)
        }
    }

    /// A value.
    pub(crate) fn value(&self, index: usize) -> (u32, u32) {
        let Param { a, b, .. } = self.params[index];
        (a as u32, b as u32)
    }

    /// Returns a value.
    pub(crate) fn set_value(&mut self, index: usize, a: u32, b: u32) {
        self.params[index] = Param { a: a.into(), b: b.into(), size: 0 };
    }

    /// A buffer's size in bytes.
    pub(crate) fn size(&self, index: usize) -> u64 {
        self.params[index].size
    }

    /// Returns a buffer's size.
    pub(crate) fn set_size(&mut self, index: usize, size: u64) {
        self.params[index].size = size;
    }

    /// Whether a buffer is nowhere.
    pub(crate) fn is_null(&self, index: usize) -> bool {
        self.params[index].a == MAP_NULL
    }

    /// Whether a buffer is memory that the calling TA has lent: its own, no guest's.
    pub(crate) fn is_private(&self, index: usize) -> bool {
        !self.is_null(index) && self.lent == Some(self.params[index].a)
    }

    /// Hands all of a buffer to `f`, a piece at a time.
    ///
    /// # Errors
    ///
    /// `TEE_ERROR_CANCEL` where the call is cancelled before the last: a guest's buffer can be gigabytes.
    pub(crate) fn read_pieces(
        &self,
        index: usize,
        mut f: impl FnMut(&[u8]) -> Result<(), u32>,
    ) -> Result<(), u32> {
        let size = self.size(index);
        let mut piece = Zeroizing::new([0; CHUNK]);
        let mut at = 0;
        while at < size && !self.is_null(index) {
            if at > 0 && self.terms.cancel.is_cancelled() {
                return Err(gp::ERROR_CANCEL);
            }
            let len = (size - at).min(CHUNK as u64) as usize;
            let read = |file: &File, bytes: &mut [u8], offset| file.read_exact_at(bytes, offset);
            self.transfer(index, at, &mut piece[..len], read)?;
            f(&piece[..len])?;
            at += len as u64;
        }
        Ok(())
    }

    /// A copy of a buffer; `TEE_ERROR_BAD_PARAMETERS` where that is longer than `most`.
    pub(crate) fn read(&self, index: usize, most: usize) -> Result<Zeroizing<Vec<u8>>, u32> {
        if self.size(index) > most as u64 {
            return Err(gp::ERROR_BAD_PARAMETERS);
        }
        let mut all = Zeroizing::new(Vec::with_capacity(self.size(index) as usize));
        self.read_pieces(index, |piece| {
            all.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(all)
    }

    /// Returns a buffer's content, and its size; where it does not fit, the size that is needed, with
    /// `TEE_ERROR_SHORT_BUFFER`.
    pub(crate) fn write(&mut self, index: usize, bytes: &[u8]) -> Result<(), u32> {
        let room = if self.is_null(index) { 0 } else { self.size(index) };
        self.params[index].size = bytes.len() as u64;
        if room < bytes.len() as u64 {
            return Err(gp::ERROR_SHORT_BUFFER);
        }
        let mut bytes = Zeroizing::new(bytes.to_vec());
        self.transfer(index, 0, &mut bytes, |file, bytes, offset| file.write_all_at(bytes, offset))
    }

    /// Reads or writes `bytes` at `at` in a buffer, which the caller has checked to have so many.
    fn transfer(
        &self,
        index: usize,
        at: u64,
        bytes: &mut [u8],
        transfer: impl Fn(&File, &mut [u8], u64) -> io::Result<()>,
    ) -> Result<(), u32> {
        let Param { a, b, .. } = self.params[index];
        let memory = self.memories.iter().find(|memory| memory.id() == a).ok_or(gp::ERROR_BAD_PARAMETERS)?;
        let mut skip = b.checked_add(at).ok_or(gp::ERROR_BAD_PARAMETERS)?;
        let mut rest = bytes;
        for run in memory.runs() {
            if skip >= run.len {
                skip -= run.len;
                continue;
            }
            let len = (run.len - skip).min(rest.len() as u64) as usize;
            let (piece, others) = rest.split_at_mut(len);
            transfer(&run.file, piece, run.offset + skip).map_err(|error| {
                let errors = self.instances().errors();
                errors.error(format_args!("memory of a call: the file that it lies in: {error}"));
                gp::ERROR_GENERIC
            })?;
            (rest, skip) = (others, 0);
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(gp::ERROR_BAD_PARAMETERS)
        }
    }
}
