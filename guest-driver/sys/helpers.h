/* SPDX-License-Identifier: GPL-2.0 */
/* Inline functions and macros of C headers, as functions that Rust can call. */
#ifndef VIRTIO_TEE_HELPERS_H
#define VIRTIO_TEE_HELPERS_H

#include <linux/dma-direction.h>
#include <linux/types.h>

struct cpumask;
struct device;
struct page;
struct scatterlist;
struct virtio_device;
struct virtqueue;
struct virtqueue_info;
struct wait_queue_head;
struct workqueue_struct;

int virtio_tee_helper_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
			       struct virtqueue **vqs, struct virtqueue_info *info);
void virtio_tee_helper_del_vqs(struct virtio_device *vdev);
void virtio_tee_helper_device_ready(struct virtio_device *vdev);
bool virtio_tee_helper_has_feature(const struct virtio_device *vdev, unsigned int fbit);
bool virtio_tee_helper_needs_reset(struct virtio_device *vdev);
bool virtio_tee_helper_trylock(struct virtio_device *vdev);
void virtio_tee_helper_unlock(struct virtio_device *vdev);
bool virtio_tee_helper_sleeping(const struct device *dev);
void virtio_tee_helper_cread_bytes(struct virtio_device *vdev, unsigned int offset,
				   void *buf, size_t len);

void virtio_tee_helper_sg_set(struct scatterlist *sg, const void *addr, unsigned int len);

size_t virtio_tee_helper_max_alloc(void);
phys_addr_t virtio_tee_helper_page_to_phys(struct page *page);
int virtio_tee_helper_dma_map(struct device *dev, phys_addr_t phys, size_t size,
			      dma_addr_t *addr);
void virtio_tee_helper_dma_unmap(struct device *dev, dma_addr_t addr, size_t size);
bool virtio_tee_helper_dma_need_sync(struct device *dev, dma_addr_t addr);
void virtio_tee_helper_dma_sync_for_device(struct device *dev, dma_addr_t addr, size_t size);
void virtio_tee_helper_dma_sync_for_cpu(struct device *dev, dma_addr_t addr, size_t size);

bool virtio_tee_helper_dma_pages_are_plain(void);
struct page *virtio_tee_helper_dma_alloc(struct device *dev, size_t size, dma_addr_t *addr);
void virtio_tee_helper_dma_free(struct device *dev, size_t size, struct page *page,
				dma_addr_t addr);
void *virtio_tee_helper_page_address(struct page *page);
struct page *virtio_tee_helper_virt_to_page(const void *addr);

void virtio_tee_helper_set_affinity(struct virtqueue *vq, const struct cpumask *mask);

bool virtio_tee_helper_wq_has_sleeper(struct wait_queue_head *head);
struct workqueue_struct *virtio_tee_helper_alloc_workqueue(const char *name);
void virtio_tee_helper_flush_workqueue(struct workqueue_struct *wq);

#endif
