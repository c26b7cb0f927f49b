// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the runtime knows of its TA.

use crate::services::properties::{Property, Value};

/// The TA that is loaded.
#[derive(Debug, Default)]
pub(crate) struct Ta {
    /// Its `ta_props`.
    pub(crate) properties: Vec<Property>,
}

impl Ta {
    /// `gpd.ta.dataSize`: the heap that it declares to need, in bytes.
    pub(crate) fn data_size(&self) -> Option<u64> {
        self.properties.iter().find(|property| property.name == b"gpd.ta.dataSize").and_then(|property| {
            match property.value {
                Value::U32(size) => Some(size.into()),
                Value::U64(size) => Some(size),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_size_is_that_of_the_property() {
        let property = |name: &str, value| Property { name: name.into(), value };
        let properties =
            vec![property("gpd.ta.stackSize", Value::U32(1)), property("gpd.ta.dataSize", Value::U32(65536))];
        assert_eq!(Ta { properties }.data_size(), Some(65536));
        assert_eq!(Ta::default().data_size(), None);
    }
}
