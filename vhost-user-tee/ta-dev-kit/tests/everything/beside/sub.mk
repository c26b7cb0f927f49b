# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
srcs_ext-y += outside.c
srcs_ext_base-y += beside/sources
oname-outside.c-y := renamed.o
