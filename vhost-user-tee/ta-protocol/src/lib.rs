// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What a TA process and the daemon say to each other.
