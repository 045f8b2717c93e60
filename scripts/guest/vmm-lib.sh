# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# For tests that run guests of tools/testing/selftests/pkernfs/vmm.c. Guests have
# numbers from 1 to 5; that of guest N lives in the directory $VMS/vmN.

VMS=/mnt

# run_vm N start|resume [MIB]: in the background
run_vm() {
	local n="$1" action="$2"
	shift 2

	[ -p "/tmp/vm$n" ] || mkfifo "/tmp/vm$n"
	mkdir -p "$VMS/vm$n"
	# Open for both: neither side waits for the other, or is told that it is gone.
	eval "exec $((n + 3))<>/tmp/vm$n"
	vmm "$action" "$VMS/vm$n" "$@" >"/tmp/vm$n" 2>&1 &
	eval "VM$n=$!"
}

vm_pid() {
	eval "echo \$VM$1"
}

# vm_says N WORD: wait for its next line, and put it into LINE. WORD is how it
# must begin.
vm_says() {
	# shellcheck disable=SC3045 # busybox has -t
	read -r -t 60 LINE <&$(($1 + 3)) || LINE="nothing for 60 s"
	case "$LINE" in
	"$2 at step "*) return ;;
	esac
	echo "guest $1: $LINE"
	return 1
}

# The number of steps in LINE.
steps() {
	echo "$LINE" | sed 's/.* at step \([0-9]*\),.*/\1/'
}

# The microseconds at the end of LINE.
microseconds() {
	echo "$LINE" | sed 's/.* in \([0-9]*\) us$/\1/'
}

# pause_vm N: and leave LINE
pause_vm() {
	kill -TERM "$(vm_pid "$1")" && vm_says "$1" paused && wait "$(vm_pid "$1")"
}
