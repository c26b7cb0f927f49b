# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
global-incdirs-y += include
global-cppflags-y += -DGLOBAL_FLAG=1
cppflags-y += -DTOP_ONLY=2

srcs-y += everything_ta.c
cflags-everything_ta.c-y += -DOF_ONE_SOURCE=3

# Taken away again: the first from all of the folder, the others from one source.
cppflags-y += -DREMOVED_BY_FOLDER
cppflags-remove-y += -DREMOVED_BY_FOLDER
cflags-everything_ta.c-y += -DREMOVED_BY_SOURCE
cflags-remove-everything_ta.c-y += -DREMOVED_BY_SOURCE

srcs-y += answer.S
aflags-y += -DANSWER=40
aflags-answer.S-y += -DMORE=2
srcs-$(CFG_ARM64_$(sm)) += machine_arm64.c
srcs-$(CFG_X86_64_$(sm)) += machine_x86_64.c

srcs-y += throws.cpp more.cc
cxxflags-y += -std=c++17
cxxflags-more.cc-y += -DOF_ONE_CXX_SOURCE=4 -DREMOVED_BY_SOURCE
cxxflags-remove-more.cc-y += -DREMOVED_BY_SOURCE

# Made while building, with a header that others include.
gensrcs-y += squares
produce-squares = squares.c
produce-additional-squares = squares.h
depends-squares = squares.txt
force-gensrc-squares = y
recipe-squares = { echo '\#include "squares.h"'; echo 'const int squares[] = {'; \
	sed -n 's/^[0-9].*/\t& * &,/p' squares.txt; echo '};'; } >$(sub-dir-out)/squares.c && \
	echo 'extern const int squares[];' >$(sub-dir-out)/squares.h

subdirs-y += nested
subdirs_ext-y += ./beside
