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
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
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

#define PAGE		4096
#define CODE		0x1000		/* guest physical addresses */
#define REPORT		0x2000
#define FIRST_PAGE	0x3000
#define MAX_MIB		3072		/* device addresses of a PC begin above */
#define STATE_MAGIC	0x4d4d5673666b70ULL

/* What the guest says, in its memory. */
struct report {
	uint64_t steps;		/* pages done, of all rounds */
	uint32_t round;
};

/* What a paused guest is but for its memory. */
struct state {
	uint64_t magic;
	uint64_t memory_size;	/* bytes */
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

/*
 * 32-bit protected mode without paging. ebx is the word, edi the end of its page,
 * esi the round, edx the end of memory, eax what is expected of the word.
 */
extern const char guest_code[], guest_code_end[];
asm(".pushsection .rodata\n"
    "guest_code:\n"
    ".code32\n"
    "	mov	$0x3000, %ebx\n"
    "fill:	imul	$0x9e3779b1, %ebx, %eax\n"
    "	mov	%eax, (%ebx)\n"
    "	add	$4, %ebx\n"
    "	cmp	%edx, %ebx\n"
    "	jb	fill\n"
    "	xor	%esi, %esi\n"
    "round:	mov	$0x3000, %ebx\n"
    "page:	lea	4096(%ebx), %edi\n"
    "word:	imul	$0x9e3779b1, %ebx, %eax\n"
    "	add	%esi, %eax\n"
    "	cmp	%eax, (%ebx)\n"
    "	je	good\n"
    "	out	%al, $0xe9\n"
    "good:	inc	%eax\n"
    "	mov	%eax, (%ebx)\n"
    "	add	$4, %ebx\n"
    "	cmp	%edi, %ebx\n"
    "	jb	word\n"
    "	addl	$1, 0x2000\n"
    "	adcl	$0, 0x2004\n"
    "	cmp	%edx, %ebx\n"
    "	jb	page\n"
    "	inc	%esi\n"
    "	mov	%esi, 0x2008\n"
    "	jmp	round\n"
    ".code64\n"
    "guest_code_end:\n"
    ".popsection");
_Static_assert(REPORT == 0x2000 && FIRST_PAGE == 0x3000, "as in guest_code");
_Static_assert(offsetof(struct report, round) == 8, "as in guest_code");

static struct kvm_run *volatile running;
static volatile sig_atomic_t is_paused;

__attribute__((format(printf, 1, 2), noreturn))
static void die(const char *fmt, ...)
{
	int err = errno;
	va_list args;

	fprintf(stderr, "vmm: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, err ? ": %s\n" : "\n", strerror(err));
	exit(EXIT_FAILURE);
}

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
		die("%s", name);
	return ret;
}

#define CALL(fd, request, arg) call(fd, request, #request, arg)

static volatile struct report *report_of(const struct vm *vm)
{
	return (volatile struct report *)(vm->memory + REPORT);
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
	if (sig == SIGTERM)
		is_paused = 1;
	if (running)
		running->immediate_exit = 1;
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
		die("%s", file_of(vm, "memory"));
	errno = 0;
	if ((size_t)st.st_size != vm->memory_size)
		die("%s has %lld bytes, but the state is of a guest with %zu",
		    file_of(vm, "memory"), (long long)st.st_size,
		    vm->memory_size);
	vm->memory = mmap(NULL, vm->memory_size, PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);
	if (vm->memory == MAP_FAILED ||
	    madvise(vm->memory, vm->memory_size, MADV_POPULATE_WRITE))
		die("cannot map %s", file_of(vm, "memory"));
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
		die("/dev/kvm");
	vm->vm = CALL(kvm, KVM_CREATE_VM, NULL);
	CALL(vm->vm, KVM_SET_TSS_ADDR, (void *)0xfffbd000UL);
	CALL(vm->vm, KVM_SET_USER_MEMORY_REGION, &slot);
	vm->vcpu = CALL(vm->vm, KVM_CREATE_VCPU, NULL);
	size = CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	vm->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		die("cannot map the vCPU");
	close(kvm);
	running = vm->run;
}

static void reset_vcpu(struct vm *vm)
{
	const struct kvm_segment data = {
		.limit = ~0U, .selector = 16, .type = 3, .present = 1,
		.db = 1, .s = 1, .g = 1,
	};
	struct kvm_regs regs = {
		.rip = CODE, .rdx = vm->memory_size, .rflags = 2,
	};
	struct kvm_segment code = data;
	struct kvm_sregs sregs;

	code.selector = 8;
	code.type = 11;
	CALL(vm->vcpu, KVM_GET_SREGS, &sregs);
	sregs.cr0 |= 1;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	CALL(vm->vcpu, KVM_SET_SREGS, &sregs);
	CALL(vm->vcpu, KVM_SET_REGS, &regs);
	memcpy(vm->memory + CODE, guest_code, guest_code_end - guest_code);
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
	const char *name;
	int fd;

	strcpy(final, file_of(vm, "state"));
	name = file_of(vm, "state.new");
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, s, sizeof(*s)) != sizeof(*s) || fsync(fd) ||
	    close(fd) || rename(name, final))
		die("%s", name);
}

static void read_state(const struct vm *vm, struct state *s)
{
	const char *name = file_of(vm, "state");
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		die("%s", name);
	n = read(fd, s, sizeof(*s));
	errno = 0;
	if (n != sizeof(*s) || s->magic != STATE_MAGIC)
		die("%s is not the state of a guest of this program", name);
	close(fd);
}

/* The guest has done what it does for a wrong word, or something unexpected. */
static void explain_exit(const struct vm *vm)
{
	struct kvm_regs regs;

	CALL(vm->vcpu, KVM_GET_REGS, &regs);
	errno = 0;
	if (vm->run->exit_reason != KVM_EXIT_IO)
		die("the guest stopped: exit reason %u", vm->run->exit_reason);
	die("the guest found 0x%x at 0x%llx, expected 0x%llx",
	    *(uint32_t *)(vm->memory + regs.rbx), regs.rbx, regs.rax);
}

static void run_vcpu(const struct vm *vm)
{
	if (!ioctl(vm->vcpu, KVM_RUN, NULL))
		explain_exit(vm);
	if (errno != EINTR && errno != EAGAIN)
		die("KVM_RUN");
	vm->run->immediate_exit = 0;
}

static void say(const struct vm *vm, const char *what)
{
	volatile struct report *r = report_of(vm);

	printf("%s at step %llu, round %u", what, (unsigned long long)r->steps,
	       r->round);
}

/* Let it run up to SIGTERM; say when it has gone on from where it was. */
static void run(const struct vm *vm)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = {};
	uint64_t before = report_of(vm)->steps;

	setitimer(ITIMER_REAL, &often, NULL);
	while (report_of(vm)->steps == before && !is_paused)
		run_vcpu(vm);
	setitimer(ITIMER_REAL, &never, NULL);
	say(vm, "running");
	printf("\n");
	while (!is_paused)
		run_vcpu(vm);
}

static void start(struct vm *vm, const char *mib)
{
	unsigned long n = strtoul(mib, NULL, 0);

	errno = 0;
	if (!n || n > MAX_MIB)
		die("a guest has 1 to %d MiB", MAX_MIB);
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
		die("%s", file_of(vm, "state"));
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
