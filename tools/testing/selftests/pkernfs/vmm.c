// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small virtual machine monitor whose guest lives through a kexec.
 *
 *	vmm start DIR MIB	run a new guest with MIB MiB of memory
 *	vmm resume DIR		run the guest that was paused in DIR
 *
 * DIR is on pkernfs. DIR/memory is the guest's memory. SIGTERM pauses the guest:
 * what its CPU holds goes to DIR/state, and the program ends. A state is good for
 * one resume, as the memory moves on with the guest.
 *
 * The guest adds 1 to each word of its memory, page after page, round after round.
 * Before that it checks that the word is what it made of it the round before. So a
 * step that is lost or done twice, or a wrong byte, ends it with an error.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "vmm_guest.h"

#define MAX_MIB		3072		/* device addresses of a PC begin above */
#define STATE_MAGIC	0x4d4d5673666b70ULL

/* What a paused guest is but for its memory. */
struct state {
	__u64 magic;
	__u64 memory_size;	/* bytes */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xcrs xcrs;
	struct kvm_xsave xsave;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
};

struct vm {
	char dir[256];
	size_t memory_size;
	char *memory;
	int vm;
	int vcpu;
	struct kvm_run *run;
};

static struct kvm_run *running;
static sig_atomic_t paused;

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static int call(int fd, unsigned long request, const char *name, void *arg)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		err(1, "%s", name);
	return ret;
}

#define CALL(fd, request, arg) call(fd, request, #request, arg)

/* The guest changes these meanwhile. */
static __u64 steps_of(const struct vm *vm)
{
	return __atomic_load_n((__u64 *)(vm->memory + VMM_STEPS),
			       __ATOMIC_RELAXED);
}

static __u32 round_of(const struct vm *vm)
{
	return __atomic_load_n((__u32 *)(vm->memory + VMM_ROUND),
			       __ATOMIC_RELAXED);
}

static bool is_paused(void)
{
	return __atomic_load_n(&paused, __ATOMIC_RELAXED);
}

/* The name of a file of the guest's; valid until the next call. */
static const char *file_of(const struct vm *vm, const char *name)
{
	static char path[sizeof(vm->dir) + 16];

	snprintf(path, sizeof(path), "%s/%s", vm->dir, name);
	return path;
}

/* From here on a KVM_RUN returns, the one under way or the next. */
static void interrupt(int sig)
{
	struct kvm_run *run = __atomic_load_n(&running, __ATOMIC_RELAXED);

	if (sig == SIGTERM)
		__atomic_store_n(&paused, 1, __ATOMIC_RELAXED);
	if (run)
		run->immediate_exit = 1;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = interrupt };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
}

static void map_memory(struct vm *vm, int flags)
{
	int fd = open(file_of(vm, "memory"), O_RDWR | O_CLOEXEC | flags, 0600);
	struct stat st;

	if (fd < 0 || (flags & O_CREAT && ftruncate(fd, vm->memory_size)) ||
	    fstat(fd, &st))
		err(1, "%s", file_of(vm, "memory"));
	if ((size_t)st.st_size != vm->memory_size)
		errx(1, "%s has %lld bytes, but the state is of a guest with %zu",
		     file_of(vm, "memory"), (long long)st.st_size,
		     vm->memory_size);
	vm->memory = mmap(NULL, vm->memory_size, PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);
	if (vm->memory == MAP_FAILED ||
	    madvise(vm->memory, vm->memory_size, MADV_POPULATE_WRITE))
		err(1, "cannot map %s", file_of(vm, "memory"));
	close(fd);
}

static void create_vm(struct vm *vm)
{
	struct kvm_userspace_memory_region slot = {
		.memory_size	= vm->memory_size,
		.userspace_addr	= (uintptr_t)vm->memory,
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int size;

	if (kvm < 0)
		err(1, "/dev/kvm");
	vm->vm = CALL(kvm, KVM_CREATE_VM, NULL);
	CALL(vm->vm, KVM_SET_TSS_ADDR, (void *)0xfffbd000UL);
	CALL(vm->vm, KVM_SET_USER_MEMORY_REGION, &slot);
	vm->vcpu = CALL(vm->vm, KVM_CREATE_VCPU, NULL);
	size = CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	vm->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		err(1, "cannot map the vCPU");
	close(kvm);
	__atomic_store_n(&running, vm->run, __ATOMIC_RELAXED);
}

static void reset_vcpu(struct vm *vm)
{
	const struct kvm_segment data = {
		.limit = ~0U, .selector = 16, .type = 3, .present = 1,
		.db = 1, .s = 1, .g = 1,
	};
	struct kvm_regs regs = {
		.rip = VMM_CODE, .rdx = vm->memory_size, .rflags = 2,
	};
	struct kvm_segment code = data;
	struct kvm_sregs sregs;

	code.selector = 8;
	code.type = 11;
	CALL(vm->vcpu, KVM_GET_SREGS, &sregs);
	sregs.cr0 |= 1;
	sregs.cs = code;
	sregs.ds = data;
	sregs.es = data;
	sregs.ss = data;
	CALL(vm->vcpu, KVM_SET_SREGS, &sregs);
	CALL(vm->vcpu, KVM_SET_REGS, &regs);
	memcpy(vm->memory + VMM_CODE, vmm_guest, vmm_guest_end - vmm_guest);
}

static void get_state(const struct vm *vm, struct state *s)
{
	s->magic = STATE_MAGIC;
	s->memory_size = vm->memory_size;
	CALL(vm->vcpu, KVM_GET_REGS, &s->regs);
	CALL(vm->vcpu, KVM_GET_SREGS, &s->sregs);
	CALL(vm->vcpu, KVM_GET_XCRS, &s->xcrs);
	CALL(vm->vcpu, KVM_GET_XSAVE, &s->xsave);
	CALL(vm->vcpu, KVM_GET_DEBUGREGS, &s->debugregs);
	CALL(vm->vcpu, KVM_GET_VCPU_EVENTS, &s->events);
}

static void set_state(const struct vm *vm, struct state *s)
{
	CALL(vm->vcpu, KVM_SET_SREGS, &s->sregs);
	CALL(vm->vcpu, KVM_SET_REGS, &s->regs);
	CALL(vm->vcpu, KVM_SET_XCRS, &s->xcrs);
	CALL(vm->vcpu, KVM_SET_XSAVE, &s->xsave);
	CALL(vm->vcpu, KVM_SET_DEBUGREGS, &s->debugregs);
	CALL(vm->vcpu, KVM_SET_VCPU_EVENTS, &s->events);
}

/* A state has its name only when it is whole. */
static void write_state(const struct vm *vm, const struct state *s)
{
	char final[sizeof(vm->dir) + 16];
	const char *name = file_of(vm, "state.new");
	int fd;

	snprintf(final, sizeof(final), "%s/state", vm->dir);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, s, sizeof(*s)) != sizeof(*s) || fsync(fd) ||
	    close(fd) || rename(name, final))
		err(1, "%s", name);
}

static void read_state(const struct vm *vm, struct state *s)
{
	const char *name = file_of(vm, "state");
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		err(1, "%s", name);
	n = read(fd, s, sizeof(*s));
	if (n != sizeof(*s) || s->magic != STATE_MAGIC)
		errx(1, "%s is not the state of a guest of this program", name);
	close(fd);
}

/* The guest has done what it does for a wrong word, or something unexpected. */
static void explain_exit(const struct vm *vm)
{
	struct kvm_regs regs;

	CALL(vm->vcpu, KVM_GET_REGS, &regs);
	if (vm->run->exit_reason != KVM_EXIT_IO)
		errx(1, "the guest stopped: exit reason %u", vm->run->exit_reason);
	errx(1, "the guest found 0x%x at 0x%llx, expected 0x%llx",
	     *(__u32 *)(vm->memory + regs.rbx), regs.rbx, regs.rax);
}

static void run_vcpu(const struct vm *vm)
{
	if (!ioctl(vm->vcpu, KVM_RUN, NULL))
		explain_exit(vm);
	if (errno != EINTR && errno != EAGAIN)
		err(1, "KVM_RUN");
	vm->run->immediate_exit = 0;
}

static void say(const struct vm *vm, const char *what)
{
	printf("%s at step %llu, round %u", what,
	       (unsigned long long)steps_of(vm), round_of(vm));
}

/* Let it run up to SIGTERM; say when it has gone on from where it was. */
static void run(const struct vm *vm)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = {};
	__u64 before = steps_of(vm);

	setitimer(ITIMER_REAL, &often, NULL);
	while (steps_of(vm) == before && !is_paused())
		run_vcpu(vm);
	setitimer(ITIMER_REAL, &never, NULL);
	say(vm, "running");
	printf("\n");
	while (!is_paused())
		run_vcpu(vm);
}

static void start(struct vm *vm, const char *mib)
{
	unsigned long n = strtoul(mib, NULL, 0);

	if (!n || n > MAX_MIB)
		errx(1, "a guest has 1 to %d MiB", MAX_MIB);
	vm->memory_size = n << 20;
	map_memory(vm, O_CREAT | O_EXCL);
	create_vm(vm);
	reset_vcpu(vm);
}

static void resume(struct vm *vm)
{
	long long begun = now_us(), mapped;
	struct state s;

	read_state(vm, &s);
	vm->memory_size = s.memory_size;
	map_memory(vm, 0);
	mapped = now_us();
	create_vm(vm);
	set_state(vm, &s);
	if (unlink(file_of(vm, "state")))
		err(1, "%s", file_of(vm, "state"));
	say(vm, "resumed");
	printf(", mapped in %lld us\n", mapped - begun);
}

static void pause_guest(const struct vm *vm)
{
	long long begun;
	struct state s = {};

	get_state(vm, &s);
	begun = now_us();
	write_state(vm, &s);
	say(vm, "paused");
	printf(", saved in %lld us\n", now_us() - begun);
}

int main(int argc, char **argv)
{
	struct vm vm = {};

	setlinebuf(stdout);
	if (argc >= 3)
		snprintf(vm.dir, sizeof(vm.dir), "%s", argv[2]);
	catch_signals();
	if (argc == 4 && !strcmp(argv[1], "start")) {
		start(&vm, argv[3]);
	} else if (argc == 3 && !strcmp(argv[1], "resume")) {
		resume(&vm);
	} else {
		fprintf(stderr, "usage: vmm start DIR MIB | resume DIR\n");
		return 2;
	}
	run(&vm);
	pause_guest(&vm);
	return EXIT_SUCCESS;
}
