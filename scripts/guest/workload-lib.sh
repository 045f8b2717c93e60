# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# For tests that stop kernels in the middle of the random workload of
# tools/testing/selftests/pkernfs/workload.c.

# random LIMIT: a number from 0 on, below LIMIT
random() {
	echo $(($(od -An -N4 -tu4 /dev/urandom) % $1))
}

# verify_workload NAME: what the workload did is all there.
verify_workload() {
	check "$1" workload verify /mnt
	note "$(tail -n 1 /tmp/out)"
}

# Return when it works in the background.
start_workload() {
	local line

	mkfifo /tmp/started
	workload run /mnt "$(random 1000000000)" >/tmp/started &
	read -r line </tmp/started
	rm /tmp/started
	note "workload: $line"
}

# Any moment of its first second serves: nothing is waited for.
reach_random_moment() {
	usleep "$(random 1000000)"
	kill -0 $! && return
	not_ok "the workload goes on until the kernel stops"
	done_testing
}
