# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
incdirs-y += .
srcs-y += flags.c
cflags-flags.c-y += -DLEVEL=1
subdirs-y += deeper
