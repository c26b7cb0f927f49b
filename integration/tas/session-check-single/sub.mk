# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
global-incdirs-y += ../session-check/include ../probe/include
cppflags-y += -DCALLS_WHEN_CREATED
srcs-y += ../session-check/session_check_ta.c
