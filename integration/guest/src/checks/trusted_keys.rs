// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! `trusted-keys`: keys that the guest's kernel has sealed by a TA.

use std::io;

use keyutils::keytypes::trusted::{Payload, Trusted, TrustedOptions};
use keyutils::{Key, Keyring};

use crate::report::{ensure, Failure, Outcome, Report};

/// What a sealed key of the dev kit's TA is longer by: initialization vector and tag.
const OVERHEAD: usize = 12 + 16;
/// The sizes that Linux allows, and one between.
const SIZES: [usize; 3] = [32, 64, 128];

/// Has keys made, and loads what was sealed of them; or loads the sealed key `other`.
pub(super) fn run(report: &mut Report, other: Option<&str>) -> Outcome {
    let mut ring = Keyring::join_anonymous_session().map_err(failed("a session's keyring"))?;
    if let Some(text) = other {
        let key = load(&mut ring, &bytes(text)?).map_err(failed("load a sealed key"))?;
        return same(&read(&key)?, text);
    }
    for size in SIZES {
        let new = Payload::New { keylen: size, options: TrustedOptions::default() };
        let key = ring.add_key::<Trusted, _, _>("a new one", new).map_err(failed("make a trusted key"))?;
        let text = read(&key)?;
        ring.unlink_key(&key).map_err(failed("forget a key"))?;
        let sealed = bytes(&text)?;
        ensure!(sealed.len() == size + OVERHEAD, "a key of {size} bytes sealed is {} bytes", sealed.len());
        let key = load(&mut ring, &sealed).map_err(failed("load a sealed key"))?;
        same(&read(&key)?, &text)?;
        ring.unlink_key(&key).map_err(failed("forget a key"))?;
        for at in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 1 << (at % 8);
            ensure!(load(&mut ring, &forged).is_err(), "a sealed key was loaded though byte {at} is another");
        }
        ensure!(
            load(&mut ring, &sealed[..sealed.len() - 1]).is_err(),
            "a sealed key was loaded without its end"
        );
        report.say(format_args!("{size} bytes sealed, unsealed, and refused with any byte changed"));
        report.set("blob", text);
    }
    Ok(())
}

fn load(ring: &mut Keyring, sealed: &[u8]) -> Result<Key, keyutils::Error> {
    let payload = Payload::Load { blob: sealed.to_vec(), options: TrustedOptions::default() };
    ring.add_key::<Trusted, _, _>("a sealed one", payload)
}

/// The sealed key that belongs to a key, as the kernel shows it.
fn read(key: &Key) -> Result<String, Failure> {
    let text = key.read().map_err(failed("read a sealed key"))?;
    String::from_utf8(text).map_err(|error| Failure::Wrong(format!("a sealed key is no text: {error}")))
}

fn same(one: &str, other: &str) -> Outcome {
    ensure!(one == other, "{other} was loaded, and became {one}");
    Ok(())
}

fn bytes(text: &str) -> Result<Vec<u8>, Failure> {
    let digits = |at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes = (0..text.len()).step_by(2).map(digits).collect::<Option<_>>();
    bytes.ok_or_else(|| Failure::Wrong(format!("no sealed key: {text}")))
}

fn failed(what: &str) -> impl FnOnce(keyutils::Error) -> Failure + '_ {
    move |error| Failure::System { what: what.to_owned(), source: io::Error::from_raw_os_error(error.0) }
}
