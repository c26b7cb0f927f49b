// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What the check TA finds in the API from inside (`integration/tas/gp-check/include/gp_check_ta.h`).

use uuid::{uuid, Uuid};

use super::script::{room, value, Script};

/// Built for API 1.3.1, and for 1.1.
const APIS: [(&str, Uuid); 2] = [
    ("1.3.1", uuid!("77600ea4-7bc9-4460-bd53-5b9c143a9777")),
    ("1.1", uuid!("5cf43db3-b062-42c2-b85d-71a5a8ac31ab")),
];
const CHECKS: [&str; 8] =
    ["memory", "properties", "operations", "digests", "time", "cancellation", "random", "uuid"];
const WRONG: u32 = 8;
const WRONG_CALLS: u32 = 18;
const MEMREF: u32 = 9;

pub(super) fn scripts() -> Vec<Script> {
    let mut scripts = Vec::new();
    for (api, ta) in APIS {
        for (command, name) in CHECKS.iter().enumerate() {
            let mut script = Script::with(format_args!("API {api}: {name}"), ta);
            script.invoke(name, 0, command as u32, Vec::new());
            scripts.push(script);
        }
        let mut script = Script::with(format_args!("API {api}: memref"), ta);
        for len in [0, 1, 10, 5000] {
            script.invoke(format_args!("{len} bytes"), 0, MEMREF, vec![room(len)]);
        }
        script.invoke("a value", 0, MEMREF, vec![value(1, 1)]);
        scripts.push(script);
        for which in 0..=WRONG_CALLS {
            let mut script = Script::with(format_args!("API {api}: wrong call {which}"), ta);
            script.invoke(format_args!("wrong call {which}"), 0, WRONG, vec![value(which, 0)]);
            script.invoke("memref", 0, MEMREF, vec![room(4)]);
            scripts.push(script);
        }
    }
    scripts
}
