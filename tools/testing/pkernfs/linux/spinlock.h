/* SPDX-License-Identifier: GPL-2.0-only */
/* See mutex.h. */
#ifndef _SHIM_LINUX_SPINLOCK_H
#define _SHIM_LINUX_SPINLOCK_H

#include <assert.h>
#include <stdbool.h>

typedef struct {
	bool locked;
} spinlock_t;

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->locked = false;
}

static inline void spin_lock(spinlock_t *lock)
{
	assert(!lock->locked);
	lock->locked = true;
}

static inline void spin_unlock(spinlock_t *lock)
{
	assert(lock->locked);
	lock->locked = false;
}

#endif /* _SHIM_LINUX_SPINLOCK_H */
