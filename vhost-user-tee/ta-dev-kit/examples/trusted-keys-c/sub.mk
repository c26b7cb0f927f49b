# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
global-incdirs-y += include
srcs-y += trusted_keys_ta.c
