// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Random work, held against a map of byte strings.

use std::collections::BTreeMap;

use super::*;
use crate::{Error, Found, Space};

/// Name and data of each object, and its meta.
pub(super) type Model = BTreeMap<Id, (Vec<u8>, Vec<u8>)>;

/// One change.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Create(Id, Vec<u8>, Vec<u8>),
    Write(Id, u64, Vec<u8>),
    SetSize(Id, u64),
    SetMeta(Id, Vec<u8>),
    Rename(Id, Id),
    Remove(Id),
}

impl Step {
    pub(super) fn random(random: &mut fastrand::Rng) -> Self {
        let name = |random: &mut fastrand::Rng| id(&random.u8(..6).to_string());
        let len = |random: &mut fastrand::Rng| match random.u8(..4) {
            0 => random.usize(..200_000),
            _ => random.usize(..3_000),
        };
        let (seed, some) = (random.u8(..), len(random));
        match random.u8(..12) {
            0..3 => Self::Create(name(random), data(seed, 20), data(seed, some)),
            3..7 => Self::Write(name(random), len(random) as u64, data(seed, some)),
            7 | 8 => Self::SetSize(name(random), some as u64),
            9 => Self::SetMeta(name(random), data(seed, 30)),
            10 => Self::Rename(name(random), name(random)),
            _ => Self::Remove(name(random)),
        }
    }

    pub(super) fn apply(&self, space: &Space<'_>) -> Result<(), Error> {
        match self {
            Self::Create(id, meta, data) => space.create(id, meta, data, true),
            Self::Write(id, offset, data) => space.write(id, *offset, data),
            Self::SetSize(id, size) => space.set_size(id, *size),
            Self::SetMeta(id, meta) => space.set_meta(id, meta),
            Self::Rename(id, to) => space.rename(id, to),
            Self::Remove(id) => space.remove(id),
        }
    }

    /// What the model is thereafter; the same where the step cannot be done.
    pub(super) fn model(&self, before: &Model) -> Model {
        let mut model = before.clone();
        match self {
            Self::Create(id, meta, data) => {
                model.insert(id.clone(), (data.clone(), meta.clone()));
            }
            Self::Write(id, offset, new) => {
                if let Some((data, _)) = model.get_mut(id) {
                    let offset = *offset as usize;
                    if data.len() < offset + new.len() {
                        data.resize(offset + new.len(), 0);
                    }
                    data[offset..offset + new.len()].copy_from_slice(new);
                }
            }
            Self::SetSize(id, size) => {
                if let Some((data, _)) = model.get_mut(id) {
                    data.resize(*size as usize, 0);
                }
            }
            Self::SetMeta(id, new) => {
                if let Some((_, meta)) = model.get_mut(id) {
                    meta.clone_from(new);
                }
            }
            Self::Rename(id, to) => {
                if !model.contains_key(to) {
                    if let Some(object) = model.remove(id) {
                        model.insert(to.clone(), object);
                    }
                }
            }
            Self::Remove(id) => {
                model.remove(id);
            }
        }
        model
    }
}

/// All that a store has.
pub(super) fn all(store: &Store) -> Result<Model, Error> {
    let space = store.space(TA, 1)?;
    let mut model = Model::new();
    let mut cursor = None;
    while let Some(Found { cursor: next, info }) = space.next(cursor)? {
        let info = info?;
        model.insert(info.id.clone(), (contents(store, TA, &info.id)?, info.meta.to_vec()));
        cursor = Some(next);
    }
    Ok(model)
}

#[test]
fn a_store_does_what_its_model_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut random = fastrand::Rng::with_seed(1);
    let mut model = Model::new();
    for _ in 0..8 {
        let store = Store::open(&path, &KEY, QUOTA).unwrap();
        let space = store.space(TA, 1).unwrap();
        for _ in 0..50 {
            let step = Step::random(&mut random);
            let result = step.apply(&space);
            assert!(matches!(result, Ok(()) | Err(Error::NotFound | Error::Exists)), "{result:?}");
            model = step.model(&model);
        }
        assert!(all(&store).unwrap() == model);
    }
}
