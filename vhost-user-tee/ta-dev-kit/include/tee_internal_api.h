/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * GlobalPlatform TEE Internal Core API 1.3.1: what a TA includes to have all of it.
 *
 * Which of the functions the software TEE already provides is written in the dev kit's README. A TA that
 * calls another one builds, and is refused with the function's name when it is loaded.
 */
#ifndef TEE_INTERNAL_API_H
#define TEE_INTERNAL_API_H

#include <stddef.h>
#include <compiler.h>
#include <tee_api_defines.h>
#include <tee_api_types.h>
#include <trace.h>

#include <gp/entry_points.h>
#include <gp/core.h>
#include <gp/storage.h>
#include <gp/crypto.h>
#include <gp/time.h>
#include <gp/arithmetic.h>

/* Last: with API 1.1 asked for, it gives the names above their 1.1 meaning. */
#include <tee_api_compat.h>

#endif
