# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Builds a TA written in C: the last line of its Makefile includes this file.
#
#   BINARY=<uuid>           the TA; makes $(O)/<uuid>.ta. Or
#   LIBNAME=<name>          a static library for TAs; makes $(O)/<name>.a
#   O=<dir>                 where everything built goes (default: the current folder)
#   CROSS_COMPILE=<prefix>  compiler prefix, such as aarch64-linux-gnu-
#   COMPILER=clang          clang instead of gcc
#   CFG_…=…                 given to the compiler as macros: y as 1, n not at all
#   CFG_TEE_TA_LOG_LEVEL=n  which traces are compiled in: 0 none … 4 all (default 2)
#   CFG_WERROR=y            warnings are errors
#   V=1                     shows the commands; make -s shows nothing
#
# The TA's sub.mk, and those of the folders in its subdirs-y, say what it is made of: srcs-y, subdirs-y,
# incdirs-y, global-incdirs-y, cflags-y, cflags-<source>-y, cflags-remove-y, cppflags-y, global-cppflags-y,
# and, for static libraries, libnames, libdirs, libdeps.

ta-dev-kit-dir := $(patsubst %/mk/ta_dev_kit.mk,%,$(abspath $(lastword $(MAKEFILE_LIST))))

.PHONY: all clean
.SUFFIXES:
.DELETE_ON_ERROR:
all:

ifneq ($(words $(BINARY) $(LIBNAME)),1)
$(error Set exactly one of BINARY (the UUID of a TA) and LIBNAME (the name of a static library))
endif
ifneq ($(SHLIBNAME),)
$(error SHLIBNAME: shared libraries of TAs are not supported; use LIBNAME)
endif

out-dir := $(if $(O),$(O),.)
q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V))$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-7s %s\n' $(1) $(2))

COMPILER ?= gcc
ifeq ($(origin CC),default)
CC := $(if $(filter clang,$(COMPILER)),clang $(if $(CROSS_COMPILE),--target=$(CROSS_COMPILE:%-=%)),$(CROSS_COMPILE)gcc)
endif
ifeq ($(origin AR),default)
AR := $(if $(filter clang,$(COMPILER)),llvm-ar,$(CROSS_COMPILE)ar)
endif

# What the sub.mk files say ----------------------------------------------------------------------------------

objs :=
global-incdirs :=
global-cppflags :=

# $(1) a source relative to its folder, $(2) the folder
define ta-source
ifeq ($(filter %.c %.S,$(1)),)
$$(error $(2)/sub.mk: $(1): only .c and .S files can be compiled)
endif
objs += $(call ta-object,$(2)/$(1))
src-of-$(call ta-object,$(2)/$(1)) := $(2)/$(1)
cflags-of-$(call ta-object,$(2)/$(1)) := $$(cflags-y) $$(cflags-$(1)-y)
cflags-remove-of-$(call ta-object,$(2)/$(1)) := $$(cflags-remove-y) $$(cflags-remove-$(1)-y)
cppflags-of-$(call ta-object,$(2)/$(1)) := $$(cppflags-y) $$(cppflags-$(1)-y) \
	$$(addprefix -I$(2)/,$$(incdirs-y) $$(incdirs-$(1)-y))
endef

# Where the object of a source lies; sources outside the TA's folder get a place inside $(out-dir) all the same.
ta-object = $(out-dir)/$(patsubst ./%,%,$(subst ../,up/,$(basename $(1)))).o

ta-variables := srcs-y subdirs-y incdirs-y global-incdirs-y cflags-y cflags-remove-y cppflags-y global-cppflags-y

# $(1) a folder with a sub.mk
define ta-folder
$(foreach v,$(ta-variables),$(v) :=
)
include $(1)/sub.mk
ifneq ($$(gensrcs-y)$$(srcs_ext-y),)
$$(error $(1)/sub.mk: gensrcs-y and srcs_ext-y are not supported)
endif
global-incdirs += $$(addprefix $(1)/,$$(global-incdirs-y))
global-cppflags += $$(global-cppflags-y)
$$(foreach s,$$(srcs-y),$$(eval $$(call ta-source,$$(s),$(1))))
$$(foreach d,$$(subdirs-y),$$(eval $$(call ta-folder,$(1)/$$(d))))
endef
$(eval $(call ta-folder,.))

# The kit's own sources -------------------------------------------------------------------------------------

kit-srcs :=
ifneq ($(BINARY),)
kit-srcs += user_ta_header.c trace.c
ifeq ($(CFG_TA_OPTEE_CORE_API_COMPAT_1_1),y)
kit-srcs += gp11_entry.c
global-cppflags += -D__OPTEE_CORE_API_COMPAT_1_1=1
endif
endif
kit-objs := $(kit-srcs:%.c=$(out-dir)/ta-dev-kit/%.o)
$(foreach s,$(kit-srcs),$(eval src-of-$(out-dir)/ta-dev-kit/$(s:.c=.o) := $(ta-dev-kit-dir)/src/$(s)))

# Flags ------------------------------------------------------------------------------------------------------

CFG_TEE_TA_LOG_LEVEL ?= 2
ta-cppflags := -I. -I$(ta-dev-kit-dir)/include $(addprefix -I,$(global-incdirs)) $(global-cppflags) \
	-DTRACE_LEVEL=$(CFG_TEE_TA_LOG_LEVEL) \
	$(foreach v,$(filter CFG_%,$(.VARIABLES)),$(if $(filter y,$($(v))),-D$(v)=1,$(if \
		$(filter-out n,$(strip $($(v)))),-D$(v)='$(strip $($(v)))')))

# One set of flags serves every machine; what can be seen from outside is named in src/ta.map.
ta-cflags := -std=gnu11 -O2 -g -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections \
	-fstack-protector-strong -Wall -Wextra -Wno-missing-field-initializers \
	$(if $(filter y,$(CFG_WERROR)),-Werror)
ta-ldflags := -shared -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -Wl,-Bsymbolic -Wl,--build-id \
	-Wl,--version-script=$(ta-dev-kit-dir)/src/ta.map

# Rules ------------------------------------------------------------------------------------------------------

makefiles := $(filter-out %.d,$(MAKEFILE_LIST))

define ta-compile
$(1): $(src-of-$(1)) $(makefiles)
	$$(call say,CC,$$@)
	$$(q)mkdir -p $$(@D)
	$$(q)$$(CC) $$(filter-out $$(cflags-remove-of-$(1)),$$(ta-cflags) $$(CFLAGS) $$(cflags-of-$(1))) \
		$$(ta-cppflags) $$(CPPFLAGS) $$(cppflags-of-$(1)) -MMD -MP -c $$< -o $$@
endef
$(foreach o,$(objs) $(kit-objs),$(eval $(call ta-compile,$(o))))

-include $(objs:.o=.d) $(kit-objs:.o=.d)

ifneq ($(BINARY),)
ta := $(out-dir)/$(BINARY).ta
$(ta): $(objs) $(kit-objs) $(libdeps) $(ta-dev-kit-dir)/src/ta.map
	$(call say,LD,$@)
	$(q)$(CC) $(ta-ldflags) $(LDFLAGS) $(objs) $(kit-objs) \
		$(addprefix -L,$(libdirs)) -Wl,--start-group $(addprefix -l,$(libnames)) -Wl,--end-group $(LDADD) -o $@
else
ta := $(out-dir)/$(LIBNAME).a
$(ta): $(objs)
	$(call say,AR,$@)
	$(q)rm -f $@ && $(AR) rcs $@ $^
endif

all: $(ta)

clean:
	$(call say,CLEAN,$(out-dir))
	$(q)rm -f $(ta) $(objs) $(kit-objs) $(objs:.o=.d) $(kit-objs:.o=.d)
	$(q)rmdir $(out-dir)/ta-dev-kit 2>/dev/null || :
