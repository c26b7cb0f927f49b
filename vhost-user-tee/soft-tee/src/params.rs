// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Parameters of a call: into the mailbox's form and back.

use std::sync::Arc;

use ta_protocol::message::{self, param_type, MAP_NULL, NUM_PARAMS};
use tee::{Access, Failure, Memory, Param};

/// Parameters as the mailbox takes them.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// GP's `paramTypes`.
    pub(crate) types: u32,
    /// The parameters.
    pub(crate) params: [message::Param; NUM_PARAMS],
    /// The memories that they lie in, each once.
    pub(crate) memories: Vec<Arc<Memory>>,
    /// Which of them a TA has lent: it is no guest's.
    pub(crate) lent: Option<u64>,
}

/// Makes parameters ready to be sent. GP knows four, with values of 32 bits: what is beyond is cut
/// off, as OP-TEE does.
pub(crate) fn outgoing(params: &[Param]) -> Result<Outgoing, Failure> {
    let mut out = Outgoing { types: 0, params: Default::default(), memories: Vec::new(), lent: None };
    for (index, param) in params.iter().enumerate() {
        if matches!(param, Param::None) {
            continue;
        }
        let Some(slot) = out.params.get_mut(index) else {
            return Err(Failure::tee(tee::gp::ERROR_BAD_PARAMETERS));
        };
        let kind = match param {
            Param::None => param_type::NONE,
            Param::Value { access, a, b, .. } => {
                *slot = message::Param { a: *a, b: *b, size: 0 };
                match access {
                    Access::Input => param_type::VALUE_INPUT,
                    Access::Output => param_type::VALUE_OUTPUT,
                    Access::InOut => param_type::VALUE_INOUT,
                }
            }
            Param::MemRef { access, buffer, size } => {
                // As in OP-TEE the TA sees no size where there is no memory, whatever the client says.
                *slot = message::Param { a: MAP_NULL, b: 0, size: 0 };
                if let Some(buffer) = buffer {
                    *slot = message::Param { a: buffer.memory.id(), b: buffer.offset, size: *size };
                    if !out.memories.iter().any(|memory| memory.id() == buffer.memory.id()) {
                        out.memories.push(buffer.memory.clone());
                    }
                }
                match access {
                    Access::Input => param_type::MEMREF_INPUT,
                    Access::Output => param_type::MEMREF_OUTPUT,
                    Access::InOut => param_type::MEMREF_INOUT,
                }
            }
        };
        out.types = param_type::set(out.types, index, kind);
    }
    Ok(out)
}

/// Takes over what the TA made of its outputs, if it has returned. Any value may come back: values are cut to 32 bits,
/// sizes are the client's to compare with its buffer's.
pub(crate) fn take_results(params: &mut [Param], results: Option<&[message::Param; NUM_PARAMS]>) {
    for (param, result) in params.iter_mut().zip(results.into_iter().flatten()) {
        match param {
            Param::Value { access: Access::Output | Access::InOut, a, b, c } => {
                *a = result.a & u64::from(u32::MAX);
                *b = result.b & u64::from(u32::MAX);
                *c = 0;
            }
            Param::MemRef { access: Access::Output | Access::InOut, size, .. } => *size = result.size,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tee::{Lifetime, MemRef};

    use super::*;

    fn value(access: Access, a: u64, b: u64) -> Param {
        Param::Value { access, a, b, c: 0 }
    }

    #[test]
    fn one_memory_is_named_once() {
        let memory = Arc::new(Memory::new(Vec::new(), Lifetime::Transient));
        let memref = |access, offset| Param::MemRef {
            access,
            buffer: Some(MemRef { memory: memory.clone(), offset }),
            size: 5,
        };
        let params = [memref(Access::Input, 1), memref(Access::InOut, 2), value(Access::Input, 3, 4)];
        let out = outgoing(&params).unwrap();
        assert_eq!(out.types, 0x175);
        assert_eq!(out.memories.len(), 1);
        assert_eq!(out.params[1], message::Param { a: memory.id(), b: 2, size: 5 });
    }

    #[test]
    fn nothing_has_no_size() {
        let null = Param::MemRef { access: Access::InOut, buffer: None, size: 4096 };
        assert_eq!(outgoing(&[null]).unwrap().params[0], message::Param { a: MAP_NULL, b: 0, size: 0 });
    }

    #[test]
    fn a_fifth_parameter_is_refused_unless_none() {
        let mut params = vec![Param::None; 6];
        assert!(outgoing(&params).is_ok());
        params[4] = value(Access::Input, 0, 0);
        assert_eq!(outgoing(&params).unwrap_err(), Failure::tee(tee::gp::ERROR_BAD_PARAMETERS));
    }

    #[test]
    fn only_outputs_are_taken_over() {
        let null = |access| Param::MemRef { access, buffer: None, size: 1 };
        let mut params = [
            value(Access::Input, 1, 2),
            value(Access::InOut, 1, 2),
            null(Access::Input),
            null(Access::Output),
        ];
        let result = message::Param { a: 7 | 1 << 40, b: 8, size: 9 };
        take_results(&mut params, Some(&[result; 4]));
        assert!(matches!(params[0], Param::Value { a: 1, b: 2, .. }));
        assert!(matches!(params[1], Param::Value { a: 7, b: 8, .. }));
        assert!(matches!(params[2], Param::MemRef { size: 1, .. }));
        assert!(matches!(params[3], Param::MemRef { size: 9, .. }));
    }
}
