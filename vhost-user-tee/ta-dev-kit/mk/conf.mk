# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# What OP-TEE's build of its dev kit would have settled, for Makefiles and sub.mk files that ask. What the TA's
# Makefile, the environment or the command line says goes first.
#
# Needs CC. After this, sm names the kind of TA, as in OP-TEE: ta_arm64, or ta_x86_64.

ifeq ($(sm),)
ta-machine := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
sm := ta_$(patsubst aarch64,arm64,$(ta-machine))
endif
sm-$(sm) := y
ifeq ($(sm),ta_arm64)
CFG_ARM64_ta_arm64 := y
ta_arm64-platform-cppflags := -DARM64=1
else
CFG_X86_64_$(sm) := y
endif

CFG_TEE_TA_LOG_LEVEL ?= 2
CFG_TA_FLOAT_SUPPORT ?= y
CFG_SYSTEM_PTA ?= y
# OP-TEE's own library of big numbers and ciphers is not part of this kit; its allocator's self-test neither.
CFG_TA_MBEDTLS ?= n
CFG_TA_MBEDTLS_SELF_TEST ?= n
CFG_TA_BGET_TEST ?= n
# Instrumentation and hardware that the host's compilers have other names for.
CFG_FTRACE_SUPPORT ?= n
CFG_TA_MCOUNT ?= n
CFG_TA_GPROF_SUPPORT ?= n
CFG_MEMTAG ?= n
CFG_TA_BTI ?= n
CFG_TA_PAUTH ?= n
CFG_UNWIND ?= n
CFG_SECURE_DATA_PATH ?= n
