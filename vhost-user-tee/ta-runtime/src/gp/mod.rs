// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The GlobalPlatform TEE Internal Core API 1.3.1, as TAs built for OP-TEE call it.
//!
//! A thin layer of C functions on [`services`](crate::services). The dynamic linker binds a TA's undefined
//! symbols to these when the TA is loaded; what is not here stays undefined, and the loader refuses the TA with
//! the name of what it misses.
//!
//! | chapter | functions | here |
//! | --- | --- | --- |
//! | 4.4 – 4.7 properties | 13 | all, in [`properties`] |
//! | 4.8 panic | 1 | all, in [`mod@panic`] |
//! | 4.9 calls to other TAs | 3 | all, in [`sessions`]; [`system_calls`] are the pseudo TA's that are carried out here |
//! | 4.10 cancellation | 3 | all, in [`cancellation`] |
//! | 4.11 memory | 9 | all, in [`memory`] |
//! | 5.5 objects | 7 | all, in [`objects`]; what one is, in [`object`] |
//! | 5.6 transient objects | 9 | all, in [`attributes`], [`transient_objects`]: of all types ([`object_types`], [`type_attributes`]) |
//! | 5.7 – 5.9 persistent objects | 14 | all, in [`persistent`], [`persistent_enumerators`], [`persistent_data`]; as they are kept, in [`stored_object`] |
//! | 6.2 operations | 9 | all, in [`operations`], [`operation_info`], [`operation_keys`]: of [`algorithms`] |
//! | 6.3 digests | 3 | all, in [`digests`]: MD5, SHA-1, SHA-2, SHA-3, SHAKE, SM3 |
//! | 6.4 ciphers | 3 | all, in [`ciphers`]: AES ECB, CBC, CTR, CTS, XTS; DES, DES3 ECB, CBC; SM4 ECB, CBC, CTR, XTS |
//! | 6.5 MAC | 4 | all, in [`macs`]: HMAC; CMAC of AES, DES3; CBC-MAC of AES, DES, DES3 |
//! | 6.6 authenticated encryption | 5 | all, in [`authenticated`], [`authenticated_gp11`]: AES-GCM, AES-CCM |
//! | 6.7 asymmetric | 4 | all, in [`asymmetric`], [`asymmetric_operations`]: RSA, DSA, ECDSA, SM2, Ed25519, Ed448 ([`asymmetric_algorithms`]) |
//! | 6.8 derivation | 1 | all, in [`derivation`]: DH, ECDH, X25519, X448, SM2; HKDF, Concat KDF, PBKDF2 |
//! | 6.9 random numbers | 1 | all, in [`random`] |
//! | 7 time | 5 | all, in [`time`] |
//! | 8 big integers | 37 | all, in [`big_int`] |
//! | OP-TEE's own | | the cache in [`cache`], sockets in [`sockets`], `tee_map_zi` in [`system_calls`], logging in [`trace`], `tee_uuid_from_str` in [`uuid`], what `optee-utee` links in [`entry`] |
//!
//! A function that API 1.1 had with 32-bit sizes is here under `__GP11_` as well.
//!
//! How a function is written: it takes its arguments through [`pointers`], which is where a TA's pointers are
//! looked through; does its work in safe code; and gives its results back through [`pointers`]. Handles are
//! numbers, see [`handles`]. Where GP says that a TA panics, [`panic`](panic::panic) ends the process.
//!
//! The runtime calls [`begin_call`] before, and [`end_call`] after every entry point of the TA.

// GP's names.
#![allow(non_snake_case)]

mod algorithms;
mod asymmetric;
mod asymmetric_algorithms;
mod asymmetric_keys;
mod asymmetric_operations;
mod attribute_ids;
mod attribute_set;
mod attributes;
mod authenticated;
mod authenticated_gp11;
mod big_int;
mod cache;
mod cancellation;
mod ciphers;
mod derivation;
mod digests;
mod entry;
mod handles;
mod macs;
mod memory;
mod object;
mod object_types;
mod objects;
mod operation_info;
mod operation_keys;
mod operations;
mod panic;
mod persistent;
mod persistent_data;
mod persistent_enumerators;
mod pointers;
mod properties;
mod property_sets;
mod random;
mod sessions;
mod sockets;
mod stored_object;
mod streams;
mod system_calls;
mod time;
mod trace;
mod transient_objects;
mod type_attributes;
mod uuid;

/// An entry point of the TA is about to be called.
pub(crate) fn begin_call() {
    cancellation::begin_call();
}

/// An entry point of the TA has returned.
pub(crate) fn end_call() {
    trace::flush();
}
