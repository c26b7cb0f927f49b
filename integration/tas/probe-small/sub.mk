# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
global-incdirs-y += ../probe/include
srcs-y += ../probe/probe_ta.c
