/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SHIM_LINUX_MINMAX_H
#define _SHIM_LINUX_MINMAX_H

#define min(a, b)							\
({									\
	__typeof__(a) _a = (a);						\
	__typeof__(b) _b = (b);						\
	_a < _b ? _a : _b;						\
})

#define max(a, b)							\
({									\
	__typeof__(a) _x = (a);						\
	__typeof__(b) _y = (b);						\
	_x > _y ? _x : _y;						\
})

#define min3(a, b, c)		min((__typeof__(a))min(a, b), c)
#define max3(a, b, c)		max((__typeof__(a))max(a, b), c)
#define min_t(t, a, b)		min((t)(a), (t)(b))
#define max_t(t, a, b)		max((t)(a), (t)(b))
#define clamp(v, lo, hi)	min_t(__typeof__(v), max(v, lo), hi)
#define swap(a, b)							\
do {									\
	__typeof__(a) _t = (a);						\
									\
	(a) = (b);							\
	(b) = _t;							\
} while (0)

#endif /* _SHIM_LINUX_MINMAX_H */
