# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
global-incdirs-y += ../session-check/include ../probe/include
srcs-y += ../session-check/session_check_ta.c
