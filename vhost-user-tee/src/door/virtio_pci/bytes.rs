// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Accesses that lie anyhow over registers.

/// Copies `source`, which begins at `at`, to where `data`, which begins at `offset`, overlaps it.
/// What of `data` it does not reach stays as it is.
pub(super) fn copy_overlap(data: &mut [u8], offset: usize, source: &[u8], at: usize) {
    let to = data.get_mut(at.saturating_sub(offset)..).unwrap_or_default();
    let from = source.get(offset.saturating_sub(at)..).unwrap_or_default();
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// What an access of `data` at `offset` has for the byte at `at`.
pub(super) fn byte_at(data: &[u8], offset: usize, at: usize) -> Option<u8> {
    data.get(at.checked_sub(offset)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_overlaps_is_copied() {
        let copied = |offset, len: usize, source: &[u8], at| {
            let mut data = vec![0; len];
            copy_overlap(&mut data, offset, source, at);
            data
        };
        assert_eq!(copied(4, 4, &[1, 2], 5), [0, 1, 2, 0]);
        assert_eq!(copied(4, 4, &[1, 2], 3), [2, 0, 0, 0]);
        assert_eq!(copied(4, 4, &[1, 2], 7), [0, 0, 0, 1]);
        assert_eq!(copied(4, 2, &[1, 2, 3, 4], 3), [2, 3]);
        assert_eq!(copied(4, 4, &[1, 2], 2), [0; 4]);
        assert_eq!(copied(4, 4, &[1, 2], 8), [0; 4]);
        assert_eq!(copied(usize::MAX, 4, &[1, 2], 0), [0; 4]);
        assert_eq!(copied(0, 4, &[1, 2], usize::MAX), [0; 4]);
        assert!(copied(0, 0, &[1, 2], 0).is_empty());
    }

    #[test]
    fn a_byte_is_found_where_the_access_has_it() {
        assert_eq!(byte_at(&[1, 2], 4, 3), None);
        assert_eq!(byte_at(&[1, 2], 4, 4), Some(1));
        assert_eq!(byte_at(&[1, 2], 4, 5), Some(2));
        assert_eq!(byte_at(&[1, 2], 4, 6), None);
        assert_eq!(byte_at(&[1, 2], usize::MAX, 0), None);
    }
}
