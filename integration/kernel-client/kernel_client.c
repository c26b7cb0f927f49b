// SPDX-License-Identifier: GPL-2.0
/*
 * A client of a TEE within the kernel, whose calls last as long as a test wants.
 *
 * It has a session with the tests' TA "probe". Whoever writes to <debugfs>/kernel_client/watch makes a call of its
 * command WATCH, with memory that this module has allocated itself and registers for the call. While the TA is in it,
 * "there" is 1, or 100 once it is asked to be cancelled; it returns when "go" is set. Who writes to "nop" makes a call
 * in the same session that is over at once.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/tee_drv.h>
#include <linux/uuid.h>

#define NOP 0
#define WATCH 9

static const uuid_t probe =
	UUID_INIT(0x355ca50a, 0x8cb4, 0x4de0, 0xa6, 0x33, 0x59, 0xe1, 0x7a, 0xfc, 0x16, 0xfb);

static struct dentry *dir;
static u8 *memory;
static struct tee_context *ctx;
static u32 session;

static int any(struct tee_ioctl_version_data *version, const void *data)
{
	return 1;
}

static int invoke(u32 func, struct tee_param *param, u32 num_params)
{
	struct tee_ioctl_invoke_arg arg = {
		.func = func, .session = session, .num_params = num_params
	};
	int error = tee_client_invoke_func(ctx, &arg, param);

	return error ?: arg.ret ? -EIO : 0;
}

static int watch(void)
{
	struct tee_param param[4] = {
		{
			.attr = TEE_IOCTL_PARAM_ATTR_TYPE_MEMREF_INOUT,
			.u.memref = { .size = PAGE_SIZE },
		},
		{ .attr = TEE_IOCTL_PARAM_ATTR_TYPE_VALUE_INOUT, .u.value = { .a = 0, .b = 1 } },
	};
	struct tee_shm *shm;
	int error;

	memset(memory, 0, PAGE_SIZE);
	shm = tee_shm_register_kernel_buf(ctx, memory, PAGE_SIZE);
	if (IS_ERR(shm))
		return PTR_ERR(shm);
	param[0].u.memref.shm = shm;
	error = invoke(WATCH, param, ARRAY_SIZE(param));
	tee_shm_free(shm);
	return error;
}

static ssize_t watch_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	return watch() ?: size;
}

static ssize_t nop_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	return invoke(NOP, NULL, 0) ?: size;
}

static const struct file_operations watch_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = watch_write,
};

static const struct file_operations nop_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = nop_write,
};

static int open_session(void)
{
	struct tee_ioctl_open_session_arg arg = { .clnt_login = TEE_IOCTL_LOGIN_REE_KERNEL };
	int error;

	ctx = tee_client_open_context(NULL, any, NULL, NULL);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	export_uuid(arg.uuid, &probe);
	error = tee_client_open_session(ctx, &arg, NULL);
	if (!error && !arg.ret) {
		session = arg.session;
		return 0;
	}
	tee_client_close_context(ctx);
	return error ?: -EIO;
}

static int __init kernel_client_init(void)
{
	int error;

	memory = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	error = open_session();
	if (error) {
		kfree(memory);
		return error;
	}
	dir = debugfs_create_dir("kernel_client", NULL);
	debugfs_create_file("watch", 0200, dir, NULL, &watch_fops);
	debugfs_create_file("nop", 0200, dir, NULL, &nop_fops);
	debugfs_create_u8("go", 0200, dir, &memory[0]);
	debugfs_create_u8("there", 0400, dir, &memory[1]);
	return 0;
}
module_init(kernel_client_init);

static void __exit kernel_client_exit(void)
{
	debugfs_remove(dir);
	tee_client_close_session(ctx, session);
	tee_client_close_context(ctx);
	kfree(memory);
}
module_exit(kernel_client_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A client of a TEE within the kernel, for tests");
