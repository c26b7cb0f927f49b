/* SPDX-License-Identifier: GPL-2.0 */
/* What bindgen reads: see ../Kbuild. */
#include <linux/tee_core.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "helpers.h"
