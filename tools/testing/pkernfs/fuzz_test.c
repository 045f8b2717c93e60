// SPDX-License-Identifier: GPL-2.0-only
/*
 * Damaged regions, without a fuzzer: the inputs that fuzzing has found worth
 * keeping, then random changes of them. See fuzz.c.
 */
#define _GNU_SOURCE
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "harness.h"

#define MAX_INPUT	512

struct input {
	u8 data[MAX_INPUT];
	size_t size;
};

static struct input *kept;
static u64 nr_kept;
static u64 seed;
/* A file with what is being tried, for whoever wants to know why it died. */
static int current;

static u64 below(u64 n)
{
	return next_random(&seed) % n;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void load(const char *name)
{
	FILE *file = fopen(name, "r");

	if (!file)
		die(name);
	kept = realloc(kept, (nr_kept + 1) * sizeof(*kept));
	kept[nr_kept].size = fread(kept[nr_kept].data, 1, MAX_INPUT, file);
	nr_kept++;
	fclose(file);
}

static void try(const struct input *input)
{
	if (pwrite(current, input->data, input->size, 0) != (ssize_t)input->size ||
	    ftruncate(current, input->size))
		die("write the input");
	alarm(60);
	LLVMFuzzerTestOneInput(input->data, input->size);
}

/* Another length, a piece of another input, a few other bytes. */
static struct input change(const struct input *input)
{
	const struct input *other = &kept[below(nr_kept)];
	struct input new = *input;
	size_t at, n;

	if (!below(8))
		new.size = below(MAX_INPUT);
	if (below(2)) {
		at = below(MAX_INPUT);
		n = min(other->size, MAX_INPUT - at);
		memcpy(new.data + at, other->data, n);
		new.size = max(new.size, at + n);
	}
	for (n = below(8); n && new.size; n--)
		new.data[below(new.size)] = next_random(&seed);
	return new;
}

int main(int argc, char **argv)
{
	const char *name = "fuzz.input";
	u64 rounds = 0, seconds = 8, i;
	struct input input;
	time_t end;
	int c;

	seed = time(NULL);
	while ((c = getopt(argc, argv, "o:s:t:")) != -1) {
		switch (c) {
		case 'o':
			name = optarg;
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			seconds = strtoul(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr, "Usage: %s [-o FILE] [-s SEED] [-t SECONDS] INPUT...\n",
				argv[0]);
			return 2;
		}
	}
	for (; optind < argc; optind++)
		load(argv[optind]);
	if (!nr_kept) {
		fprintf(stderr, "%s: no input\n", argv[0]);
		return 2;
	}
	current = open(name, O_WRONLY | O_CREAT, 0644);
	if (current < 0)
		die(name);
	LLVMFuzzerInitialize(&argc, &argv);
	for (i = 0; i < nr_kept; i++)
		try(&kept[i]);
	tap(true, "%llu kept damaged regions", nr_kept);
	printf("# seed 0x%llx\n", seed);
	for (end = time(NULL) + seconds; time(NULL) < end; rounds++) {
		input = change(&kept[below(nr_kept)]);
		try(&input);
	}
	tap(true, "%llu other damaged regions", rounds);
	unlink(name);
	free(kept);
	return tap_end();
}
