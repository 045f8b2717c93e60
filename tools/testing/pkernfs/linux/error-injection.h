/* SPDX-License-Identifier: GPL-2.0-only */
/* Here the linker can do it, see fault_test.c. */
#ifndef _SHIM_LINUX_ERROR_INJECTION_H
#define _SHIM_LINUX_ERROR_INJECTION_H

#define ALLOW_ERROR_INJECTION(function, type) \
	extern typeof(function) function

#endif /* _SHIM_LINUX_ERROR_INJECTION_H */
