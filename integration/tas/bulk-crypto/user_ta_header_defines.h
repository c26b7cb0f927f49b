/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#ifndef USER_TA_HEADER_DEFINES_H
#define USER_TA_HEADER_DEFINES_H

#include <bulk_crypto_ta.h>

#define TA_UUID			BULK_CRYPTO_TA_UUID
#define TA_FLAGS		0
#define TA_STACK_SIZE		(16 * 1024)
#define TA_DATA_SIZE		(2 * BULK_CRYPTO_OWN_SIZE + 1024 * 1024)
#define TA_VERSION		"1.0"
#define TA_DESCRIPTION		"Much data in one call of the crypto API"

#endif
