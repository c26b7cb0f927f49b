// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! A virtio TEE device for virtual machines.
