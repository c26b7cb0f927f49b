# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
global-incdirs-y += include ../probe/include
srcs-y += session_check_ta.c
