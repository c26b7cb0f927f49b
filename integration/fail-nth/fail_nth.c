// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations that fail, in a kernel that was built without fault injection: Debian's.
 *
 * What /proc/PID/fail-nth is in a kernel with it, <debugfs>/fail_nth is here: a task that writes N to it makes
 * the Nth allocation from then on fail that it makes itself, of a slab or of pages; read, it says how many are
 * left until then, 0 meaning that it has failed. For one task at a time.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>

/* Written by the task that it names, and read by all. */
static struct task_struct *target;
/* Of the target's own. */
static u64 left;

/* What a caller gets to instead of the allocation: it returns for it. */
static noinline notrace __used void *no_memory(void)
{
	return NULL;
}

static int before(struct kprobe *probe, struct pt_regs *regs)
{
	if (READ_ONCE(target) != current || !in_task() || !left || --left)
		return 0;
	instruction_pointer_set(regs, (unsigned long)no_memory);
	return 1;
}

/* Only with one of these may a probe change where execution goes on. */
static void after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

#define PROBE(name) { .symbol_name = name "_noprof", .pre_handler = before, .post_handler = after }

static struct kprobe probes[] = {
	PROBE("kmem_cache_alloc"),
	PROBE("kmem_cache_alloc_lru"),
	PROBE("kmem_cache_alloc_node"),
	PROBE("__kmalloc"),
	PROBE("__kmalloc_node"),
	PROBE("__kmalloc_node_track_caller"),
	PROBE("__kmalloc_cache"),
	PROBE("__kmalloc_cache_node"),
	PROBE("__kmalloc_large"),
	PROBE("__kvmalloc_node"),
	/* All pages come from here. */
	PROBE("__alloc_frozen_pages"),
	PROBE("alloc_pages_bulk"),
};

static ssize_t fail_nth_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	char text[24];
	int len = scnprintf(text, sizeof(text), "%llu\n", left);

	return simple_read_from_buffer(to, size, at, text, len);
}

static ssize_t fail_nth_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	u64 value;
	int error = kstrtou64_from_user(from, size, 10, &value);

	if (error)
		return error;
	WRITE_ONCE(target, NULL);
	left = value;
	WRITE_ONCE(target, value ? current : NULL);
	return size;
}

static const struct file_operations fail_nth_fops = {
	.owner = THIS_MODULE,
	.read = fail_nth_read,
	.write = fail_nth_write,
};

static struct dentry *file;

static int __init fail_nth_init(void)
{
	for (int i = 0; i < ARRAY_SIZE(probes); i++) {
		int error = register_kprobe(&probes[i]);

		if (error) {
			pr_err("cannot probe %s: %d\n", probes[i].symbol_name, error);
			while (i--)
				unregister_kprobe(&probes[i]);
			return error;
		}
	}
	file = debugfs_create_file("fail_nth", 0600, NULL, NULL, &fail_nth_fops);
	return 0;
}

static void __exit fail_nth_exit(void)
{
	debugfs_remove(file);
	for (int i = 0; i < ARRAY_SIZE(probes); i++)
		unregister_kprobe(&probes[i]);
}

module_init(fail_nth_init);
module_exit(fail_nth_exit);
MODULE_DESCRIPTION("Allocations that fail on demand");
MODULE_LICENSE("GPL");
