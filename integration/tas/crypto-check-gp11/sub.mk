# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
global-incdirs-y += ../crypto-check/include
srcs-y += ../crypto-check/crypto_check_ta.c ../crypto-check/storage_calls.c
