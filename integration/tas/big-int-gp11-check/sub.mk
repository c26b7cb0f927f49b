# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
global-incdirs-y += ../big-int-check/include
srcs-y += ../big-int-check/big_int_check_ta.c
