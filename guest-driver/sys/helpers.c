// SPDX-License-Identifier: GPL-2.0
#include <linux/cc_platform.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "helpers.h"

int virtio_tee_helper_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
			       struct virtqueue **vqs, struct virtqueue_info *info)
{
	return virtio_find_vqs(vdev, nvqs, vqs, info, NULL);
}

void virtio_tee_helper_del_vqs(struct virtio_device *vdev)
{
	vdev->config->del_vqs(vdev);
}

void virtio_tee_helper_device_ready(struct virtio_device *vdev)
{
	virtio_device_ready(vdev);
}

bool virtio_tee_helper_has_feature(const struct virtio_device *vdev, unsigned int fbit)
{
	return virtio_has_feature(vdev, fbit);
}

bool virtio_tee_helper_needs_reset(struct virtio_device *vdev)
{
	return vdev->config->get_status(vdev) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* The bus suspends and resets the device under its parent's lock, and unbinds it under both. */
bool virtio_tee_helper_trylock(struct virtio_device *vdev)
{
	struct device *parent = vdev->dev.parent;

	if (parent && !device_trylock(parent))
		return false;
	if (device_trylock(&vdev->dev))
		return true;
	if (parent)
		device_unlock(parent);
	return false;
}

void virtio_tee_helper_unlock(struct virtio_device *vdev)
{
	device_unlock(&vdev->dev);
	if (vdev->dev.parent)
		device_unlock(vdev->dev.parent);
}

/* From before the device is put to sleep until after it and its parents have woken up. */
bool virtio_tee_helper_sleeping(const struct device *dev)
{
#ifdef CONFIG_PM_SLEEP
	return dev->power.is_prepared;
#else
	return false;
#endif
}

void virtio_tee_helper_cread_bytes(struct virtio_device *vdev, unsigned int offset,
				   void *buf, size_t len)
{
	virtio_cread_bytes(vdev, offset, buf, len);
}

/* @addr is of kmalloc() or vmalloc(); the latter's bytes must not leave their page. */
void virtio_tee_helper_sg_set(struct scatterlist *sg, const void *addr, unsigned int len)
{
	struct page *page = is_vmalloc_addr(addr) ? vmalloc_to_page(addr) : virt_to_page(addr);

	sg_set_page(sg, page, len, offset_in_page(addr));
}

/* The most bytes that alloc_pages_exact() returns; it warns when asked for more. */
size_t virtio_tee_helper_max_alloc(void)
{
	return PAGE_SIZE << MAX_PAGE_ORDER;
}

phys_addr_t virtio_tee_helper_page_to_phys(struct page *page)
{
	return page_to_phys(page);
}

int virtio_tee_helper_dma_map(struct device *dev, phys_addr_t phys, size_t size,
			      dma_addr_t *addr)
{
	*addr = dma_map_page(dev, phys_to_page(phys), 0, size, DMA_BIDIRECTIONAL);
	return dma_mapping_error(dev, *addr);
}

void virtio_tee_helper_dma_unmap(struct device *dev, dma_addr_t addr, size_t size)
{
	/* What the device wrote has been copied back after each call, and no more may be. */
	dma_unmap_page_attrs(dev, addr, size, DMA_BIDIRECTIONAL, DMA_ATTR_SKIP_CPU_SYNC);
}

bool virtio_tee_helper_dma_need_sync(struct device *dev, dma_addr_t addr)
{
	return dma_need_sync(dev, addr);
}

void virtio_tee_helper_dma_sync_for_device(struct device *dev, dma_addr_t addr, size_t size)
{
	dma_sync_single_for_device(dev, addr, size, DMA_BIDIRECTIONAL);
}

void virtio_tee_helper_dma_sync_for_cpu(struct device *dev, dma_addr_t addr, size_t size)
{
	dma_sync_single_for_cpu(dev, addr, size, DMA_BIDIRECTIONAL);
}

/*
 * Whether pages for DMA are pages like others. Where memory is encrypted they are not, and the TEE
 * subsystem would map them to user space as if they were.
 */
bool virtio_tee_helper_dma_pages_are_plain(void)
{
	return !cc_platform_has(CC_ATTR_MEM_ENCRYPT);
}

/* Kernels without a DMA API, such as user-mode Linux, have no devices that want its addresses. */
struct page *virtio_tee_helper_dma_alloc(struct device *dev, size_t size, dma_addr_t *addr)
{
	if (!IS_ENABLED(CONFIG_HAS_DMA))
		return NULL;
	return dma_alloc_pages(dev, size, addr, DMA_BIDIRECTIONAL, GFP_KERNEL | __GFP_NOWARN);
}

void virtio_tee_helper_dma_free(struct device *dev, size_t size, struct page *page,
				dma_addr_t addr)
{
	if (IS_ENABLED(CONFIG_HAS_DMA))
		dma_free_pages(dev, size, page, addr, DMA_BIDIRECTIONAL);
}

void *virtio_tee_helper_page_address(struct page *page)
{
	return page_address(page);
}

struct page *virtio_tee_helper_virt_to_page(const void *addr)
{
	return virt_to_page(addr);
}

/* Each virtqueue's interrupts at the CPUs whose calls it carries, if the transport can. */
void virtio_tee_helper_set_affinity(struct virtqueue *vq, const struct cpumask *mask)
{
	virtqueue_set_affinity(vq, mask);
}

bool virtio_tee_helper_wq_has_sleeper(struct wait_queue_head *head)
{
	return wq_has_sleeper(head);
}

struct workqueue_struct *virtio_tee_helper_alloc_workqueue(const char *name)
{
	return alloc_workqueue("%s", WQ_UNBOUND, 0, name);
}

void virtio_tee_helper_flush_workqueue(struct workqueue_struct *wq)
{
	flush_workqueue(wq);
}
