// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a VMM asks for, decoded and checked, and the answers.
//!
//! Layouts are those of the vfio-user protocol, version 0.0 (QEMU's documentation,
//! `docs/interop/vfio-user.rst`): a header of 16 bytes, then a body by command. Numbers are in the
//! order of bytes of the machine that both ends run on. Structures that end in `argsz` and so on are
//! the arguments of the ioctl that a command stands for (`linux/vfio.h`).

use std::mem::size_of;

use rustix::io::Errno;
use vfio_user::Command;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a region that one message may read or write: all of the configuration space. Announced
/// as `max_data_xfer_size`.
pub(super) const MAX_DATA: usize = 4096;
/// Descriptors that one message may carry. Announced as `max_msg_fds`; more than QEMU sends at most.
pub(super) const MAX_FDS: usize = 16;
/// The longest body: version data, or a region's.
pub(super) const MAX_BODY: usize = 16 + MAX_DATA;

const TYPE_MASK: u32 = 0xf;
const TYPE_COMMAND: u32 = 0;
const TYPE_REPLY: u32 = 1;
const NO_REPLY: u32 = 0x10;
const ERROR: u32 = 0x20;

/// What every message begins with.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Header {
    pub(super) id: u16,
    pub(super) command: u16,
    /// Of the message, this header included, in bytes.
    pub(super) size: u32,
    pub(super) flags: u32,
    pub(super) error: u32,
}

/// Length of a header in bytes.
pub(super) const HEADER: usize = size_of::<Header>();

impl Header {
    /// Length of what follows, in bytes; `None` where the header cannot be one of a command that the
    /// protocol has, so that what follows cannot be told.
    pub(super) fn body_len(&self) -> Option<usize> {
        let body = (self.size as usize).checked_sub(HEADER)?;
        (self.flags & TYPE_MASK == TYPE_COMMAND && body <= MAX_BODY).then_some(body)
    }

    /// Whether the VMM waits for an answer.
    pub(super) fn wants_reply(&self) -> bool {
        self.flags & NO_REPLY == 0
    }
}

/// A mapping of guest memory.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct DmaMap {
    pub(super) argsz: u32,
    /// `VFIO_DMA_MAP_FLAG_*`.
    pub(super) flags: u32,
    /// In the file, in bytes.
    pub(super) offset: u64,
    pub(super) address: u64,
    /// In bytes.
    pub(super) size: u64,
}

/// The end of mappings.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct DmaUnmap {
    pub(super) argsz: u32,
    /// `VFIO_DMA_UNMAP_FLAG_*`.
    pub(super) flags: u32,
    pub(super) address: u64,
    /// In bytes.
    pub(super) size: u64,
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct DeviceInfo {
    pub(super) argsz: u32,
    /// `VFIO_DEVICE_FLAGS_*`.
    pub(super) flags: u32,
    pub(super) num_regions: u32,
    pub(super) num_irqs: u32,
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct RegionInfo {
    pub(super) argsz: u32,
    /// `VFIO_REGION_INFO_FLAG_*`.
    pub(super) flags: u32,
    pub(super) index: u32,
    pub(super) cap_offset: u32,
    /// In bytes.
    pub(super) size: u64,
    pub(super) offset: u64,
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct IrqInfo {
    pub(super) argsz: u32,
    /// `VFIO_IRQ_INFO_*`.
    pub(super) flags: u32,
    pub(super) index: u32,
    pub(super) count: u32,
}

/// A change to interrupts `start` to `start + count` of a kind.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct SetIrqs {
    pub(super) argsz: u32,
    /// `VFIO_IRQ_SET_*`.
    pub(super) flags: u32,
    /// `VFIO_PCI_*_IRQ_INDEX`.
    pub(super) index: u32,
    pub(super) start: u32,
    pub(super) count: u32,
}

/// A part of a region, whose bytes follow where they are written.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct RegionAccess {
    pub(super) offset: u64,
    /// `VFIO_PCI_*_REGION_INDEX`.
    pub(super) region: u32,
    /// In bytes.
    pub(super) count: u32,
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Version {
    major: [u8; 2],
    minor: [u8; 2],
}

/// What a VMM asks for.
#[derive(Debug)]
pub(super) enum Request<'a> {
    Version,
    DmaMap(DmaMap),
    DmaUnmap(DmaUnmap),
    DeviceInfo,
    RegionInfo(RegionInfo),
    IrqInfo(IrqInfo),
    SetIrqs(SetIrqs),
    RegionRead(RegionAccess),
    RegionWrite(RegionAccess, &'a [u8]),
    Reset,
}

/// The version spoken here. A client that knows a later minor version falls back.
const MAJOR: u16 = 0;
const MINOR: u16 = 0;

impl<'a> Request<'a> {
    /// Decodes a body. Fails with what the VMM is told.
    pub(super) fn decode(command: u16, body: &'a [u8]) -> Result<Self, Errno> {
        Ok(match Command::n(command) {
            Some(Command::Version) => {
                // Capabilities follow, in JSON. They bound what this end may send unasked, and it
                // sends nothing unasked.
                let (version, _) = Version::ref_from_prefix(body).map_err(|_| Errno::INVAL)?;
                if u16::from_ne_bytes(version.major) != MAJOR {
                    return Err(Errno::NOTSUP);
                }
                Self::Version
            }
            Some(Command::DmaMap) => Self::DmaMap(exactly(body)?),
            // A bitmap of dirty pages could follow; that is for migration, which is not offered.
            Some(Command::DmaUnmap) => Self::DmaUnmap(exactly(body)?),
            Some(Command::DeviceGetInfo) => {
                exactly::<DeviceInfo>(body)?;
                Self::DeviceInfo
            }
            Some(Command::DeviceGetRegionInfo) => Self::RegionInfo(exactly(body)?),
            Some(Command::GetIrqInfo) => Self::IrqInfo(exactly(body)?),
            // States of interrupts could follow, one byte each; descriptors are used instead.
            Some(Command::SetIrqs) => Self::SetIrqs(exactly(body)?),
            Some(Command::RegionRead) => Self::RegionRead(access(exactly(body)?)?),
            Some(Command::RegionWrite) => {
                let (access_, data) = RegionAccess::read_from_prefix(body).map_err(|_| Errno::INVAL)?;
                if access(access_)?.count as usize != data.len() {
                    return Err(Errno::INVAL);
                }
                Self::RegionWrite(access_, data)
            }
            Some(Command::DeviceReset) if body.is_empty() => Self::Reset,
            Some(Command::DeviceReset) => return Err(Errno::INVAL),
            _ => return Err(Errno::NOTSUP),
        })
    }
}

fn exactly<T: FromBytes>(body: &[u8]) -> Result<T, Errno> {
    T::read_from_bytes(body).map_err(|_| Errno::INVAL)
}

fn access(access: RegionAccess) -> Result<RegionAccess, Errno> {
    if access.count as usize > MAX_DATA || access.offset.checked_add(u64::from(access.count)).is_none() {
        return Err(Errno::INVAL);
    }
    Ok(access)
}

/// The answer to the message that `header` was of.
pub(super) fn reply(header: &Header, parts: &[&[u8]]) -> Vec<u8> {
    message(header, TYPE_REPLY, 0, parts)
}

/// The answer that a request failed.
pub(super) fn failure(header: &Header, errno: Errno) -> Vec<u8> {
    message(header, TYPE_REPLY | ERROR, errno.raw_os_error() as u32, &[])
}

/// The answer to [`Request::Version`].
pub(super) fn version(header: &Header, max_dma_maps: usize) -> Vec<u8> {
    let capabilities = serde_json::json!({
        "capabilities": {
            "max_msg_fds": MAX_FDS,
            "max_data_xfer_size": MAX_DATA,
            "max_dma_maps": max_dma_maps,
        }
    })
    .to_string();
    let version = Version { major: MAJOR.to_ne_bytes(), minor: MINOR.to_ne_bytes() };
    reply(header, &[version.as_bytes(), capabilities.as_bytes(), b"\0"])
}

fn message(header: &Header, flags: u32, error: u32, parts: &[&[u8]]) -> Vec<u8> {
    let size = HEADER + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(size);
    // No part is longer than MAX_DATA.
    let header = Header { id: header.id, command: header.command, size: size as u32, flags, error };
    bytes.extend_from_slice(header.as_bytes());
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAND: Header = Header { id: 7, command: 10, size: 0, flags: 0, error: 0 };

    #[test]
    fn a_header_says_how_long_its_body_is() {
        assert_eq!(HEADER, 16);
        let len = |size, flags| Header { size, flags, ..COMMAND }.body_len();
        assert_eq!(len(16, 0), Some(0));
        assert_eq!(len(16 + MAX_BODY as u32, NO_REPLY), Some(MAX_BODY));
        assert_eq!(len(17 + MAX_BODY as u32, 0), None);
        assert_eq!(len(u32::MAX, 0), None);
        assert_eq!(len(15, 0), None);
        assert_eq!(len(0, 0), None);
        assert_eq!(len(16, TYPE_REPLY), None);
        assert!(!Header { flags: NO_REPLY, ..COMMAND }.wants_reply());
    }

    #[test]
    fn bodies_have_their_commands_length() {
        let lengths = [(2, 32), (3, 24), (4, 16), (5, 32), (7, 16), (8, 20), (9, 16), (10, 16), (13, 0)];
        let bytes = [0; 64];
        for (command, len) in lengths {
            assert!(Request::decode(command, &bytes[..len]).is_ok(), "{command}");
            for other in (0..64).filter(|other| *other != len) {
                assert_eq!(Request::decode(command, &bytes[..other]).unwrap_err(), Errno::INVAL, "{command}");
            }
        }
        for command in [0, 6, 11, 12, 14, 15, u16::MAX] {
            assert_eq!(Request::decode(command, &bytes).unwrap_err(), Errno::NOTSUP);
        }
    }

    #[test]
    fn a_version_has_a_major_number_and_whatever_it_likes() {
        assert!(matches!(Request::decode(1, &[0, 0, 1, 0]), Ok(Request::Version)));
        assert!(matches!(Request::decode(1, b"\0\0\0\0{not json"), Ok(Request::Version)));
        assert_eq!(Request::decode(1, &[1, 0, 0, 0]).unwrap_err(), Errno::NOTSUP);
        assert_eq!(Request::decode(1, &[0, 0, 0]).unwrap_err(), Errno::INVAL);
        let answer = version(&COMMAND, 10);
        let text = std::str::from_utf8(&answer[HEADER + 4..answer.len() - 1]).unwrap();
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(json["capabilities"]["max_dma_maps"], 10);
        assert_eq!(answer.last(), Some(&0));
    }

    #[test]
    fn what_is_written_is_as_long_as_it_says() {
        let body = |offset: u64, count: u32, data: usize| {
            let access = RegionAccess { offset, region: 0, count };
            [access.as_bytes(), &vec![1; data]].concat()
        };
        assert!(matches!(Request::decode(10, &body(8, 4, 4)), Ok(Request::RegionWrite(_, [1, 1, 1, 1]))));
        for bad in [body(0, 4, 3), body(0, 4, 5), body(0, u32::MAX, 4), body(u64::MAX, 1, 1)] {
            assert_eq!(Request::decode(10, &bad).unwrap_err(), Errno::INVAL);
        }
        assert_eq!(Request::decode(9, &body(0, 4097, 0)).unwrap_err(), Errno::INVAL);
        assert_eq!(Request::decode(9, &body(u64::MAX, 1, 0)).unwrap_err(), Errno::INVAL);
    }

    #[test]
    fn answers_carry_the_number_of_what_they_answer() {
        let bytes = failure(&COMMAND, Errno::INVAL);
        let header = Header::read_from_bytes(&bytes).unwrap();
        assert_eq!((header.id, header.command, header.size), (7, 10, 16));
        assert_eq!((header.flags, header.error), (TYPE_REPLY | ERROR, 22));
        let bytes = reply(&COMMAND, &[b"ab", b"c"]);
        assert_eq!(&bytes[HEADER..], b"abc");
        assert_eq!(Header::read_from_prefix(&bytes).unwrap().0.size, 19);
    }
}
