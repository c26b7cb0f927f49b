/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Found by the sources of this folder alone. */
#define PRIVATE_HEADER	5
