// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Tables and command lines, and what becomes of them.

use clap::Parser;
use uuid::Uuid;

use super::table::{MAX_INSTANCES, REQUEST_QUEUES, TEE_COPY_UP_TO};
use super::*;
use crate::policy::Logins;

fn from(text: &str) -> Result<Vec<VmConfig>, String> {
    let args = Args::parse_from(["vhost-user-tee", "--config", "c.toml", "--ta-dir", "/default"]);
    parse(text, Path::new("c.toml"), &args).map_err(|e| e.to_string())
}

#[test]
fn a_file_of_two_vms() {
    let vms = from(
        r#"
        [[vm]]
        name = "a"
        vfio-user-socket-path = "/run/a"
        msix = false
        request-queues = 4
        [vm.limits]
        max-sessions = 7
        [[vm]]
        name = "b"
        fd = 5
        ta-dir = "/b"
        ta-runtime = "/rt"
        state-dir = "/s"
        ta-sockets = ["time.example.org:123", "10.0.0.0/8:*"]
        access-platform = true
        limits.max-storage-bytes = 4096
        "#,
    )
    .unwrap();
    assert_eq!(vms[0].name, "a");
    assert_eq!(vms[0].listen, Listen::Path("/run/a".into()));
    let TeeConfig::Soft(SoftConfig { ta_dir, ta_runtime, state_dir: None, .. }) = &vms[0].tee else {
        panic!("{:?}", vms[0].tee);
    };
    assert_eq!(
        (ta_dir.as_path(), ta_runtime.file_name().unwrap()),
        (Path::new("/default"), "ta-runtime".as_ref())
    );
    assert_eq!(vms[0].request_queues, 4);
    assert_eq!(vms[0].limits.max_sessions, 7);
    assert_eq!(vms[0].limits.max_runs, Limits::default().max_runs);
    assert_eq!(vms[1].name, "b");
    assert_eq!(vms[1].listen, Listen::Fd(5));
    assert_eq!((vms[0].protocol, vms[1].protocol), (Protocol::VfioUser { msix: false }, Protocol::VhostUser));
    let expected = SoftConfig {
        ta_dir: "/b".into(),
        ta_runtime: "/rt".into(),
        state_dir: Some("/s".into()),
        ta_sockets: vec!["time.example.org:123".parse().unwrap(), "10.0.0.0/8:*".parse().unwrap()],
        max_instances: MAX_INSTANCES,
        max_storage_bytes: 4096,
    };
    assert_eq!(vms[1].tee, TeeConfig::Soft(expected));
    assert_eq!(vms[1].request_queues, REQUEST_QUEUES);
    assert!(vms[1].access_platform);
}

#[test]
fn a_tee_of_the_hosts_and_a_policy() {
    let vms = from(
        r#"
        tee-calls = 3
        [[vm]]
        fd = 5
        tee = "/dev/tee0"
        tee-copy-up-to = 0
        allow-tas = ["00000000-0000-0000-0000-000000000001"]
        deny-tas = ["00000000-0000-0000-0000-000000000002"]
        logins = "public"
        [[vm]]
        fd = 6
        tee = "/dev/tee0"
        [[vm]]
        fd = 7
        "#,
    )
    .unwrap();
    let kernel =
        |copy_up_to| TeeConfig::Kernel(KernelConfig { device: "/dev/tee0".into(), calls: 3, copy_up_to });
    assert_eq!((&vms[0].tee, &vms[1].tee), (&kernel(0), &kernel(TEE_COPY_UP_TO)));
    assert_eq!(vms[1].name, "vm1");
    let policy = Policy {
        allow: Some(HashSet::from([Uuid::from_u128(1)])),
        deny: HashSet::from([Uuid::from_u128(2)]),
        logins: Logins::Public,
    };
    assert_eq!(vms[0].policy, policy);
    let default = |logins| Policy { allow: None, deny: HashSet::new(), logins };
    assert_eq!(vms[1].policy, default(Logins::Refuse));
    assert_eq!(vms[2].policy, default(Logins::Guest));
}

#[test]
fn the_command_lines_tee_is_for_tables_without_one() {
    let args = "vhost-user-tee --config c --tee /dev/tee1 --tee-calls 5 --deny-ta 00000000-0000-0000-0000-000000000003";
    let args = Args::parse_from(args.split(' '));
    let text = "[[vm]]\nfd = 3\n[[vm]]\nfd = 4\nta-dir = \"/b\"";
    let vms = parse(text, Path::new("c"), &args).unwrap();
    let device = "/dev/tee1".into();
    assert_eq!(vms[0].tee, TeeConfig::Kernel(KernelConfig { device, calls: 5, copy_up_to: TEE_COPY_UP_TO }));
    assert!(matches!(vms[1].tee, TeeConfig::Soft(_)));
    assert_eq!(vms[1].policy.deny, HashSet::from([Uuid::from_u128(3)]));
}

#[test]
fn errors_are_one_line_with_the_path() {
    for (text, expected) in [
        ("", "no [[vm]] table"),
        ("[[vm]]\nsocket-path = 3", "line 2"),
        ("[[vm]]\nsocket-pth = \"x\"", "unknown field"),
        ("[[vm]", "line 1"),
        ("[[vm]]\nname = \"a\"", "needs socket-path"),
        ("[[vm]]\nsocket-path = \"x\"\nfd = 3", "only one of"),
        ("[[vm]]\nsocket-path = \"x\"\nvfio-user-socket-path = \"y\"", "only one of"),
        ("[[vm]]\nsocket-path = \"x\"\nmsix = true", "vfio-user-socket-path"),
        ("[[vm]]\nsocket-path = \"x\"\nrequest-queues = 0", "1 to 63"),
        ("[[vm]]\nsocket-path = \"x\"\nlimits.max-calls = 0", "max-calls"),
        ("tee-calls = 0\n[[vm]]\nfd = 3", "tee-calls"),
        ("[[vm]]\nfd = 3\ntee = \"/dev/tee0\"\nta-dir = \"/b\"", "only one of"),
        ("[[vm]]\nfd = 3\ntee = \"/dev/tee0\"\nlogins = \"guest\"", "cannot be passed"),
        ("[[vm]]\nfd = 3\nallow-tas = [\"1\"]", "line 3"),
        ("[[vm]]\nname = \"n\"\nfd = 3\n[[vm]]\nname = \"n\"\nfd = 4", "two VMs"),
        ("[[vm]]\nfd = 3\n[[vm]]\nfd = 3", "listens there"),
        ("[[vm]]\nfd = 3\nstate-dir = \"/s\"", "needs a name"),
        ("[[vm]]\nfd = 3\nname = \"../a\"\nstate-dir = \"/s\"", "a folder can have"),
        ("[[vm]]\nfd = 3\nname = \"..\"\nstate-dir = \"/s\"", "a folder can have"),
    ] {
        let error = from(text).unwrap_err();
        assert!(error.starts_with("c.toml: "), "{error}");
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
