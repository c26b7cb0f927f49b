// SPDX-License-Identifier: GPL-2.0
#include <linux/spinlock.h>

unsigned long virtio_tee_helper_lock_irqsave(spinlock_t *lock);
int virtio_tee_helper_trylock_irqsave(spinlock_t *lock, unsigned long *flags);
void virtio_tee_helper_unlock_irqrestore(spinlock_t *lock, unsigned long flags);

unsigned long virtio_tee_helper_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}

int virtio_tee_helper_trylock_irqsave(spinlock_t *lock, unsigned long *flags)
{
	return spin_trylock_irqsave(lock, *flags);
}

void virtio_tee_helper_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	spin_unlock_irqrestore(lock, flags);
}
