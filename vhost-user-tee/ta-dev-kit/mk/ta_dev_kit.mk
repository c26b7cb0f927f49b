# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Builds a TA written in C or C++: the last line of its Makefile includes this file.
#
#   BINARY=<uuid>           the TA; makes $(O)/<uuid>.ta. Or
#   LIBNAME=<name>          a static library for TAs; makes $(O)/<name>.a. Or
#   SHLIBNAME=<name>        a shared library for TAs, with SHLIBUUID=<uuid>; makes $(O)/<name>.so and $(O)/<uuid>.ta
#   O=<dir>                 where everything built goes (default: the current folder)
#   CROSS_COMPILE=<prefix>  compiler prefix, such as aarch64-linux-gnu-
#   COMPILER=clang          clang instead of gcc
#   CFLAGS, CXXFLAGS, AFLAGS, CPPFLAGS, LDFLAGS, LDADD   for every source, and for the linker (through the compiler)
#   CFG_…=…                 given to the compiler as macros: y as 1, n not at all; defaults are in conf.mk
#   CFG_TEE_TA_LOG_LEVEL=n  which traces are compiled in: 0 none … 4 all (default 2)
#   CFG_WERROR=y            warnings are errors
#   TA_BUILD=<kind>         to be looked into, see ta-debug: debug, sanitize, coverage, or, with clang, fuzz
#   V=1                     shows the commands; make -s shows nothing
#
# The TA's sub.mk, and those of the folders in its subdirs-y, say what it is made of, as OP-TEE's do:
#
#   srcs-y                  sources: .c, .S, .cpp, .cc, .cxx; srcs_ext-y: those below srcs_ext_base-y
#   subdirs-y               folders with a sub.mk of their own; subdirs_ext-y: the same, not below this one
#   cflags-y cxxflags-y aflags-y cppflags-y    flags for the folder; …-<source>-y for one source;
#                           …-remove-y, …-remove-<source>-y take flags away; …-lib-y: for all of a library
#   incdirs-y               for the folder; incdirs-<source>-y; incdirs-lib-y
#   global-incdirs-y, global-cppflags-y    for all sources
#   gensrcs-y += <name>     a generated source: produce-<name> is its file, recipe-<name> makes it in $(sub-dir-out),
#                           out of depends-<name>; produce-additional-<name>: headers that come with it
#   libnames, libdirs, libdeps    libraries to link, where they are, and files to build or wait for first

ta-dev-kit-dir := $(patsubst %/mk/ta_dev_kit.mk,%,$(abspath $(lastword $(MAKEFILE_LIST))))

.PHONY: all clean
.SUFFIXES:
.DELETE_ON_ERROR:
all:

ifneq ($(words $(BINARY) $(LIBNAME) $(SHLIBNAME)),1)
$(error Set exactly one of BINARY (the UUID of a TA), LIBNAME and SHLIBNAME (the name of a library))
endif
ifneq ($(SHLIBNAME),)
ifeq ($(SHLIBUUID),)
$(error SHLIBNAME needs SHLIBUUID: TAs find the library by it)
endif
endif

# Names that sub.mk files may ask for.
out-dir := $(if $(O),$(O),.)
link-out-dir := $(out-dir)
user-ta-uuid := $(BINARY)
user-ta-version := $(if $(CFG_TA_VERSION),$(CFG_TA_VERSION),0)
libname := $(LIBNAME)
shlibname := $(SHLIBNAME)
shlibuuid := $(SHLIBUUID)

q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V))$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-7s %s\n' $(1) $(2))

COMPILER ?= gcc
ta-clang-target := $(if $(CROSS_COMPILE),--target=$(CROSS_COMPILE:%-=%))
ifeq ($(origin CC),default)
CC := $(if $(filter clang,$(COMPILER)),clang $(ta-clang-target),$(CROSS_COMPILE)gcc)
endif
ifeq ($(origin CXX),default)
CXX := $(if $(filter clang,$(COMPILER)),clang++ $(ta-clang-target),$(CROSS_COMPILE)g++)
endif
ifeq ($(origin AR),default)
AR := $(if $(filter clang,$(COMPILER)),llvm-ar,$(CROSS_COMPILE)ar)
endif

include $(ta-dev-kit-dir)/mk/conf.mk

# What the sub.mk files say ----------------------------------------------------------------------------------

objs :=
gen-srcs :=
global-incdirs :=
global-cppflags :=
lib-incdirs :=
ta-folders :=

flag-kinds := cflags cxxflags aflags cppflags
ta-variables := srcs-y srcs_ext-y srcs_ext_base-y gensrcs-y subdirs-y subdirs_ext-y \
	incdirs-y incdirs_ext-y incdirs-lib-y global-incdirs-y global-incdirs_ext-y global-cppflags-y \
	$(foreach k,$(flag-kinds),$(k)-y $(k)-remove-y $(k)-lib-y)

# Where the object of a source lies; sources outside the TA's folder get a place inside $(out-dir) all the same.
ta-object = $(out-dir)/$(patsubst ./%,%,$(subst ../,up/,$(patsubst /%,root/%,$(basename $(1))))).o

# $(1) a source as sub.mk names it, $(2) its path, $(3) the object that sub.mk's folder gives it. What was said
# of this one source must not reach one of the same name in another folder.
define ta-source
ta-o := $$(if $$(oname-$(1)-y),$(out-dir)/$$(oname-$(1)-y),$(3))
objs += $$(ta-o)
src-of-$$(ta-o) := $(2)
incdirs-of-$$(ta-o) := $$(ta-folder-incdirs) $$(addprefix $$(sub-dir)/,$$(incdirs-$(1)-y))
incdirs-$(1)-y :=
oname-$(1)-y :=
$(foreach k,$(flag-kinds),$(k)-of-$$(ta-o) := $$($(k)-y) $$($(k)-$(1)-y)
$(k)-remove-of-$$(ta-o) := $$($(k)-remove-y) $$($(k)-remove-$(1)-y)
$(k)-$(1)-y :=
$(k)-remove-$(1)-y :=
)
endef

# $(1) a name in gensrcs-y, $(2) the source to be made.
define ta-generated
gen-srcs += $(2)
recipe-of-$(2) := $$(recipe-$(1))
$(addprefix $(sub-dir-out)/,$(produce-additional-$(1))): $(2)
$(2): $$(depends-$(1))
	$$(call say,GEN,$$@)
	$$(q)mkdir -p $$(@D)
	$$(q)$$(recipe-of-$(2))
$$(eval $$(call ta-source,$(1),$(2),$(basename $(2)).o))
endef

# $(1) a folder with a sub.mk
define ta-folder
$(foreach v,$(ta-variables),$(v) :=
)
sub-dir := $(1)
sub-dir-out := $(patsubst %/.,%,$(out-dir)/$(subst ../,up/,$(1:./%=%)))
include $(1)/sub.mk
global-incdirs += $$(addprefix $(1)/,$$(global-incdirs-y)) $$(global-incdirs_ext-y)
global-cppflags += $$(global-cppflags-y)
lib-incdirs += $$(addprefix $(1)/,$$(incdirs-lib-y))
$(foreach k,$(flag-kinds),lib-$(k) += $$($(k)-lib-y)
)
ta-folder-incdirs := $$(sub-dir-out) $$(addprefix $(1)/,$$(incdirs-y)) $$(incdirs_ext-y)
$$(foreach g,$$(gensrcs-y),$$(eval $$(call ta-generated,$$(g),$$(sub-dir-out)/$$(produce-$$(g)))))
$$(foreach s,$$(srcs-y),$$(eval $$(call ta-source,$$(s),$$(if \
	$$(filter /%,$$(s)),$$(s),$(1)/$$(s)),$$(call ta-object,$$(if $$(filter /%,$$(s)),$$(s),$(1)/$$(s))))))
$$(foreach s,$$(srcs_ext-y),$$(eval $$(call \
	ta-source,$$(s),$$(firstword $$(srcs_ext_base-y))/$$(s),$$(call ta-object,$(1)/$$(s)))))
$$(foreach d,$$(addprefix $(1)/,$$(subdirs-y)) $$(subdirs_ext-y),$$(if \
	$$(filter $$(d),$$(ta-folders)),,$$(eval ta-folders += $$(d))$$(eval $$(call ta-folder,$$(d)))))
endef
$(eval $(call ta-folder,.))

# The kit's own sources -------------------------------------------------------------------------------------

kit-srcs :=
ifneq ($(BINARY),)
kit-srcs += user_ta_header.c trace.c base64.c $(if $(filter fuzz,$(TA_BUILD)),fuzz.c)
ifeq ($(CFG_TA_OPTEE_CORE_API_COMPAT_1_1),y)
kit-srcs += gp11_entry.c
endif
endif
ifeq ($(CFG_TA_OPTEE_CORE_API_COMPAT_1_1),y)
global-cppflags += -D__OPTEE_CORE_API_COMPAT_1_1=1
endif
kit-objs := $(kit-srcs:%.c=$(out-dir)/ta-dev-kit/%.o)
$(foreach s,$(kit-srcs),$(eval src-of-$(out-dir)/ta-dev-kit/$(s:.c=.o) := $(ta-dev-kit-dir)/src/$(s)))

# Flags ------------------------------------------------------------------------------------------------------

# A TA's own headers come before the kit's.
ta-cppflags := $(CPPFLAGS_$(sm)) $($(sm)-platform-cppflags) $(addprefix -I,$(global-incdirs) $(lib-incdirs))
ta-cppflags-last := $(global-cppflags) $(lib-cppflags) -I. -I$(ta-dev-kit-dir)/include \
	-DTRACE_LEVEL=$(CFG_TEE_TA_LOG_LEVEL) \
	$(foreach v,$(filter CFG_%,$(.VARIABLES)),$(if $(filter y,$($(v))),-D$(v)=1,$(if \
		$(filter-out n,$(strip $($(v)))),-D$(v)='$(strip $($(v)))')))

# One set of flags serves every machine; what can be seen from outside is named in src/ta.map. A shared library
# is there to be seen.
ta-common := -O2 -g -fPIC $(if $(SHLIBNAME),,-fvisibility=hidden) -ffunction-sections -fdata-sections \
	-fstack-protector-strong -Wall -Wextra -Wno-missing-field-initializers $(if $(filter y,$(CFG_WERROR)),-Werror)
ta-cflags = -std=gnu11 $(ta-common) $(CFLAGS) $(CFLAGS_$(sm)) $(lib-cflags)
ta-cxxflags = $(ta-common) $(CXXFLAGS) $(CXXFLAGS_$(sm)) $(lib-cxxflags)
ta-aflags = -g -fPIC $(AFLAGS) $(AFLAGS_$(sm))

# Builds that a developer looks into, and what they are linked with. The shared runtime of a sanitizer is loaded
# before anything else (by ta-debug); gcc's is found by its name, clang's has no place among other libraries.
ifneq ($(filter-out debug sanitize coverage fuzz,$(TA_BUILD)),)
$(error TA_BUILD is debug, sanitize, coverage or fuzz, not $(TA_BUILD))
endif
ta-sanitizers := -fsanitize=address,undefined
ifneq ($(filter clang%,$(notdir $(firstword $(CC)))),)
ta-clang-runtimes := $(shell $(CC) -print-runtime-dir)
ta-sanitizers-ld := $(ta-sanitizers) -shared-libasan -Wl,-rpath,$(ta-clang-runtimes)
endif
ta-build-debug := -O0 -g3
ta-build-sanitize := -O1 -g -fno-omit-frame-pointer $(ta-sanitizers) -fno-sanitize-recover=undefined
ta-ld-sanitize := $(or $(ta-sanitizers-ld),$(ta-sanitizers))
ta-build-coverage := -O0 --coverage -fprofile-abs-path
ta-ld-coverage := --coverage
# fuzz.c tells libFuzzer what these compare.
ta-compared := memcmp strcmp strncmp TEE_MemCompare __GP11_TEE_MemCompare
ta-build-fuzz := $(ta-build-sanitize) -fsanitize=fuzzer-no-link $(ta-compared:%=-fno-builtin-%)
ta-ld-fuzz := $(ta-sanitizers-ld) $(ta-compared:%=-Wl,--wrap=%)
ta-libs-fuzz := $(wildcard $(ta-clang-runtimes)/libclang_rt.fuzzer_no_main*$(patsubst ta_arm64,aarch64,$(sm:ta_x%=x%))*.a)
ifeq ($(TA_BUILD),fuzz)
ifeq ($(ta-libs-fuzz),)
$(error TA_BUILD=fuzz wants COMPILER=clang and its runtimes: apt-get install clang llvm libclang-rt-dev)
endif
endif
ta-common += $(ta-build-$(TA_BUILD))

# Of the C++ library a TA has its own copy: its process has none.
cxx-objs := $(strip $(foreach o,$(objs),$(if $(filter %.cpp %.cc %.cxx,$(src-of-$(o))),$(o))))
ta-linker := $(if $(cxx-objs)$(filter fuzz,$(TA_BUILD)),$(CXX) -static-libstdc++,$(CC))
ta-ldflags := -shared -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--build-id -Wl,--as-needed $(ta-ld-$(TA_BUILD))
ta-ldadd = $(addprefix -L,$(libdirs)) -Wl,--start-group $(addprefix -l,$(libnames)) -Wl,--end-group $(LDADD) $(ta-libs-$(TA_BUILD))

# Rules ------------------------------------------------------------------------------------------------------

makefiles := $(filter-out %.d,$(MAKEFILE_LIST))

# $(1) an object, $(2) what is said, $(3) the compiler, $(4) the kind of its flags
define ta-compile-with
$(1): $(src-of-$(1)) $(makefiles) | $(filter-out $(src-of-$(1)),$(gen-srcs))
	$$(call say,$(2),$$@)
	$$(q)mkdir -p $$(@D)
	$$(q)$(3) $$(filter-out $$($(4)-remove-of-$(1)),$$(ta-$(4)) $$($(4)-of-$(1))) \
		$$(filter-out $$(cppflags-remove-of-$(1)),$$(CPPFLAGS) $$(ta-cppflags) \
			$$(addprefix -I,$$(incdirs-of-$(1))) $$(ta-cppflags-last) $$(cppflags-of-$(1))) \
		-D__FILE_ID__=$(subst -,_,$(subst .,_,$(subst /,_,$(src-of-$(1):$(out-dir)/%=%)))) -MMD -MP -c $$< -o $$@
endef

# $(1) an object
define ta-compile
$(if $(filter %.c,$(src-of-$(1))),$(call ta-compile-with,$(1),CC,$$(CC),cflags),$(if \
$(filter %.cpp %.cc %.cxx,$(src-of-$(1))),$(call ta-compile-with,$(1),CXX,$$(CXX),cxxflags),$(if \
$(filter %.S,$(src-of-$(1))),$(call ta-compile-with,$(1),AS,$$(CC),aflags),$$(error \
$(src-of-$(1)): only .c, .S, .cpp, .cc and .cxx files can be compiled))))
endef
$(foreach o,$(objs) $(kit-objs),$(eval $(call ta-compile,$(o))))

-include $(objs:.o=.d) $(kit-objs:.o=.d)

ifneq ($(BINARY),)
built := $(out-dir)/$(BINARY).ta
$(built): $(objs) $(kit-objs) $(libdeps) $(ta-dev-kit-dir)/src/ta.map
	$(call say,LD,$@)
	$(q)$(ta-linker) $(ta-ldflags) -Wl,--gc-sections -Wl,-Bsymbolic \
		-Wl,--version-script=$(ta-dev-kit-dir)/src/ta.map $(LDFLAGS) $(objs) $(kit-objs) $(ta-ldadd) -o $@
else ifneq ($(LIBNAME),)
built := $(out-dir)/$(LIBNAME).a
$(built): $(objs)
	$(call say,AR,$@)
	$(q)rm -f $@ && $(AR) rcs $@ $^
else
built := $(out-dir)/$(SHLIBUUID).ta $(out-dir)/$(SHLIBNAME).so
$(out-dir)/$(SHLIBNAME).so: $(objs) $(libdeps)
	$(call say,LD,$@)
	$(q)$(ta-linker) $(ta-ldflags) -Wl,-soname=$(SHLIBUUID) $(LDFLAGS) $(objs) $(ta-ldadd) -o $@
$(out-dir)/$(SHLIBUUID).ta: $(out-dir)/$(SHLIBNAME).so
	$(q)cp $< $@
endif

all: $(built)

cleanfiles += $(built) $(gen-srcs) $(objs) $(kit-objs) $(objs:.o=.d) $(kit-objs:.o=.d)
clean:
	$(call say,CLEAN,$(out-dir))
	$(q)rm -f $(cleanfiles)
	$(q)rmdir $(out-dir)/ta-dev-kit 2>/dev/null || :
