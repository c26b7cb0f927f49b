# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
srcs-y += sum.c
incdirs-lib-y += ../include
cflags-lib-y += -DIN_LIBRARY=1
