# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
global-incdirs-y += include
srcs-y += bulk_crypto_ta.c
