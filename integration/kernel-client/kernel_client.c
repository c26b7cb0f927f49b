// SPDX-License-Identifier: GPL-2.0
/*
 * A client of a TEE within the kernel, whose calls last as long as a test wants.
 *
 * Whoever writes to <debugfs>/kernel_client/call makes a call of the tests' TA "probe" (its command WATCH), with
 * memory that this module has allocated itself and registers for the call. While the TA is in it, "there" is 1,
 * or 100 once it is asked to be cancelled; it returns when "go" is set.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/tee_drv.h>
#include <linux/uuid.h>

#define WATCH 9

static const uuid_t probe =
	UUID_INIT(0x355ca50a, 0x8cb4, 0x4de0, 0xa6, 0x33, 0x59, 0xe1, 0x7a, 0xfc, 0x16, 0xfb);

static struct dentry *dir;
static u8 *memory;

static int any(struct tee_ioctl_version_data *version, const void *data)
{
	return 1;
}

static int watch(struct tee_context *ctx, u32 session, struct tee_shm *shm)
{
	struct tee_ioctl_invoke_arg arg = { .func = WATCH, .session = session, .num_params = 4 };
	struct tee_param param[4] = {
		{
			.attr = TEE_IOCTL_PARAM_ATTR_TYPE_MEMREF_INOUT,
			.u.memref = { .shm = shm, .size = PAGE_SIZE },
		},
		{ .attr = TEE_IOCTL_PARAM_ATTR_TYPE_VALUE_INOUT, .u.value = { .a = 0, .b = 1 } },
	};
	int error = tee_client_invoke_func(ctx, &arg, param);

	return error ?: arg.ret ? -EIO : 0;
}

static int call(void)
{
	struct tee_ioctl_open_session_arg arg = { .clnt_login = TEE_IOCTL_LOGIN_REE_KERNEL };
	struct tee_context *ctx = tee_client_open_context(NULL, any, NULL, NULL);
	struct tee_shm *shm;
	int error;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	export_uuid(arg.uuid, &probe);
	error = tee_client_open_session(ctx, &arg, NULL);
	if (error || arg.ret) {
		error = error ?: -EIO;
		goto close;
	}
	memset(memory, 0, PAGE_SIZE);
	shm = tee_shm_register_kernel_buf(ctx, memory, PAGE_SIZE);
	error = PTR_ERR_OR_ZERO(shm);
	if (!error) {
		error = watch(ctx, arg.session, shm);
		tee_shm_free(shm);
	}
	tee_client_close_session(ctx, arg.session);
close:
	tee_client_close_context(ctx);
	return error;
}

static ssize_t call_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	return call() ?: size;
}

static const struct file_operations call_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = call_write,
};

static int __init kernel_client_init(void)
{
	memory = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	dir = debugfs_create_dir("kernel_client", NULL);
	debugfs_create_file("call", 0200, dir, NULL, &call_fops);
	debugfs_create_u8("go", 0200, dir, &memory[0]);
	debugfs_create_u8("there", 0400, dir, &memory[1]);
	return 0;
}
module_init(kernel_client_init);

static void __exit kernel_client_exit(void)
{
	debugfs_remove(dir);
	kfree(memory);
}
module_exit(kernel_client_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A client of a TEE within the kernel, for tests");
