# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Builds a TA written in Rust with optee-utee: the last line of its Makefile includes this file. Nothing here is
# magic: Cargo makes a shared object of the crate, and a copy of it named <uuid>.ta is the TA.
#
#   BINARY=<uuid>           the TA; makes $(O)/<uuid>.ta
#   CRATE=<name>            the crate's library, as Cargo names it: lib<name>.so
#   O=<dir>                 where everything built goes (default: the current folder)
#   CARGO_TARGET_DIR=<dir>  where Cargo keeps what it builds (default: $(O)/target)
#   CROSS_COMPILE=<prefix>  linker prefix, such as aarch64-linux-gnu-; the Rust target follows from it
#   RUST_TARGET=<triple>    the Rust target, where it does not

.PHONY: all clean
all:

ifeq ($(and $(BINARY),$(CRATE)),)
$(error Set BINARY (the UUID of the TA) and CRATE (the name of the crate's library))
endif

out-dir := $(abspath $(if $(O),$(O),.))
target-dir := $(abspath $(or $(CARGO_TARGET_DIR),$(out-dir)/target))
CARGO ?= cargo

ifneq ($(CROSS_COMPILE),)
# aarch64-linux-gnu- → aarch64-unknown-linux-gnu
RUST_TARGET ?= $(subst -linux-,-unknown-linux-,$(CROSS_COMPILE:%-=%))
linker-variable := CARGO_TARGET_$(shell echo '$(RUST_TARGET)' | tr 'a-z-' 'A-Z_')_LINKER
export $(linker-variable) := $(CROSS_COMPILE)gcc
endif

built := $(target-dir)/$(if $(RUST_TARGET),$(RUST_TARGET)/)release/lib$(CRATE).so

# Cargo knows what is up to date.
.PHONY: $(out-dir)/$(BINARY).ta
$(out-dir)/$(BINARY).ta:
	$(CARGO) build --locked --release --target-dir $(target-dir) $(if $(RUST_TARGET),--target $(RUST_TARGET))
	@mkdir -p $(@D)
	@cmp -s $(built) $@ || install -m 644 $(built) $@

all: $(out-dir)/$(BINARY).ta

clean:
	rm -f $(out-dir)/$(BINARY).ta
	$(CARGO) clean --target-dir $(target-dir)
