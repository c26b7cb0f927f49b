/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The name that some TAs include <tee_internal_api.h> by. */
#ifndef TEE_API_H
#define TEE_API_H

#include <tee_internal_api.h>

#endif
