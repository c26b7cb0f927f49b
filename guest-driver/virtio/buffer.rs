// SPDX-License-Identifier: GPL-2.0

//! Buffers: memory that the driver and the device pass to each other.
//!
//! C header: [`include/linux/scatterlist.h`](srctree/include/linux/scatterlist.h)

use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    workqueue::{impl_has_work, new_work, Queue, Work, WorkItem},
};

use crate::sys;

/// What a driver keeps with a [`Buffer`] while the device has it.
pub(crate) trait Token: Send + Sized + 'static {
    /// The device has used the buffer, or it was taken back from a device that is no more: then
    /// [`Buffer::response`] has nothing.
    ///
    /// Called in any context, interrupts included: it must not sleep, nor drop what may sleep when
    /// dropped. `queue` is there to [`Buffer::defer`] to.
    fn used(buffer: Pin<KBox<Buffer<Self>>>, queue: &Queue);

    /// The buffer arrives where it was deferred to: in a task, which may sleep.
    fn deferred(buffer: Pin<KBox<Buffer<Self>>>);
}

/// A request and the room for its response.
///
/// # Invariants
///
/// `table` describes `request` in its first `request_entries` entries and `response` in the
/// others; neither is ever reallocated.
#[pin_data]
pub(crate) struct Buffer<T: Token> {
    request: KVVec<u8>,
    response: KVVec<u8>,
    table: KVec<bindings::scatterlist>,
    request_entries: usize,
    written: Option<usize>,
    only_in: Option<u32>,
    start: u32,
    token: T,
    #[pin]
    work: Work<Buffer<T>>,
}

// SAFETY: The scatterlist points at memory that the buffer owns itself.
unsafe impl<T: Token> Send for Buffer<T> {}

impl_has_work! {
    impl{T: Token} HasWork<Self> for Buffer<T> { self.work }
}

impl<T: Token> WorkItem for Buffer<T> {
    type Pointer = Pin<KBox<Self>>;

    fn run(this: Pin<KBox<Self>>) {
        T::deferred(this);
    }
}

impl<T: Token> Buffer<T> {
    /// Makes a buffer of `request` and room for `response_len` bytes, neither of which may be
    /// empty, in pieces of at most `max_piece` bytes.
    pub(super) fn new(
        request: KVVec<u8>,
        response_len: usize,
        max_piece: usize,
        token: T,
    ) -> Result<Pin<KBox<Self>>> {
        if request.is_empty() || response_len == 0 {
            return Err(EINVAL);
        }
        let response = KVVec::from_elem(0, response_len, GFP_KERNEL)?;
        let request_entries = pieces(&request, max_piece).count();
        let entries = request_entries + pieces(&response, max_piece).count();
        let mut table = KVec::with_capacity(entries, GFP_KERNEL)?;
        for _ in 0..entries {
            table.push(bindings::scatterlist::default(), GFP_KERNEL)?;
        }
        // INVARIANT: The tables are filled from these very vectors, which are moved, not resized.
        let (for_request, for_response) = table.split_at_mut(request_entries);
        fill(for_request, &request, max_piece);
        fill(for_response, &response, max_piece);

        KBox::pin_init(
            pin_init!(Self {
                request,
                response,
                table,
                request_entries,
                written: None,
                only_in: None,
                start: 0,
                token,
                work <- new_work!("virtio::Buffer"),
            }),
            GFP_KERNEL,
        )
    }

    /// The driver's token.
    pub(crate) fn token(&self) -> &T {
        &self.token
    }

    /// The driver's token, to change it.
    pub(crate) fn token_mut<'a>(self: &'a mut Pin<KBox<Self>>) -> &'a mut T {
        self.as_mut().project().token
    }

    /// Which [start](super::Virtqueues::starts) of the queues the device had the buffer in, if it
    /// had.
    pub(crate) fn start(&self) -> u32 {
        self.start
    }

    /// The request makes sense to the device only until it is reset: it is only to be submitted in
    /// that start of the queues.
    pub(crate) fn of_start(self: &mut Pin<KBox<Self>>, start: u32) {
        *self.as_mut().project().only_in = Some(start);
    }

    /// Takes note of the start that the buffer is about to be submitted in. False if that is not to
    /// be.
    pub(super) fn enter(self: &mut Pin<KBox<Self>>, start: u32) -> bool {
        let this = self.as_mut().project();
        *this.start = start;
        this.only_in.is_none_or(|only| only == start)
    }

    /// The request, to complete it before it is submitted.
    pub(crate) fn request_mut<'a>(self: &'a mut Pin<KBox<Self>>) -> &'a mut [u8] {
        self.as_mut().project().request
    }

    /// What the device wrote. `None` if it never used the buffer.
    pub(crate) fn response(&self) -> Option<&[u8]> {
        self.written
            .and_then(|written| self.response.get(..written))
    }

    /// Takes note that the device says to have written `len` bytes.
    pub(super) fn set_written(self: &mut Pin<KBox<Self>>, len: usize) {
        let this = self.as_mut().project();
        *this.written = Some(len.min(this.response.len()));
    }

    /// Hands the buffer over to [`Token::deferred`]. Usable in any context.
    pub(crate) fn defer(self: Pin<KBox<Self>>, queue: &Queue) {
        queue.enqueue(self);
    }

    /// How many descriptors the buffer takes.
    pub(super) fn entries(&self) -> usize {
        self.table.len()
    }

    /// The scatterlists of request and response.
    pub(super) fn tables(self: &mut Pin<KBox<Self>>) -> [*mut bindings::scatterlist; 2] {
        let this = self.as_mut().project();
        let (request, response) = this.table.split_at_mut(*this.request_entries);
        [request.as_mut_ptr(), response.as_mut_ptr()]
    }
}

/// Cuts `bytes` such that each piece is contiguous for the device, and no longer than `max`.
fn pieces(bytes: &[u8], max: usize) -> impl Iterator<Item = &[u8]> {
    // SAFETY: Only the address is looked at.
    let virtually_contiguous_only = unsafe { bindings::is_vmalloc_addr(bytes.as_ptr().cast()) };
    // What vmalloc() returns begins with a page.
    bytes.chunks(if virtually_contiguous_only {
        PAGE_SIZE
    } else {
        max.max(1)
    })
}

fn fill(table: &mut [bindings::scatterlist], bytes: &[u8], max: usize) {
    // CAST: Buffers are far from having 2^32 pieces, or pieces of 2^32 bytes.
    // SAFETY: `table` is that many entries.
    unsafe { bindings::sg_init_table(table.as_mut_ptr(), table.len() as c_uint) };
    for (entry, piece) in table.iter_mut().zip(pieces(bytes, max)) {
        // SAFETY: `piece` is of kmalloc() or vmalloc(), and within a page if of the latter.
        unsafe {
            sys::virtio_tee_helper_sg_set(entry, piece.as_ptr().cast(), piece.len() as c_uint);
        }
    }
}
