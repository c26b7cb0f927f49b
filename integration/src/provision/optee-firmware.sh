# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Builds, in the root, the flash memory of an emulated Arm machine into /work/out: Trusted Firmware-A, with OP-TEE in it.
# It starts OP-TEE in the secure world, and then the kernel that the emulator has put at 1.5 GiB.
optee=/optee/os/usr/lib/optee/vexpress-qemu_armv8a
# Its tools are built in the tree, and the root is only read.
cp -r /optee/firmware /work/out/source
cd /work/out/source
# OP-TEE is built for the third version of the interrupt controller. The last flag is for gcc 14, which takes the
# addresses near zero, where devices are, for mistakes.
make -j"$(nproc)" CROSS_COMPILE=aarch64-linux-gnu- PLAT=qemu DEBUG=0 BUILD_BASE=/work/out/build \
	SPD=opteed BL32="$optee/tee-header_v2.bin" BL32_EXTRA1="$optee/tee-pager_v2.bin" \
	BL32_EXTRA2="$optee/tee-pageable_v2.bin" BL32_RAM_LOCATION=tdram \
	ARM_LINUX_KERNEL_AS_BL33=1 PRELOADED_BL33_BASE=0x60000000 \
	QEMU_USE_GIC_DRIVER=QEMU_GICV3 CFLAGS=--param=min-pagesize=0 bl1 fip
# The first stage, and at 256 KiB the package of the others.
cp /work/out/build/qemu/release/bl1.bin /work/out/flash.bin
dd if=/work/out/build/qemu/release/fip.bin of=/work/out/flash.bin bs=4096 seek=64 conv=notrunc
rm -r /work/out/source /work/out/build
