# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
global-incdirs-y += ../gp-check/include
srcs-y += ../gp-check/gp_check_ta.c
