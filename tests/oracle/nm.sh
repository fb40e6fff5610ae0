#!/bin/sh
# NetworkManager's reader of the kernel command line, run on many lines, one a line on stdin.
#
#     tests/oracle/nm.sh TESTBED EMPTY-DIRECTORY
#
# The words are parted at blanks alone, as dracut does it (35network-manager/nm-lib.sh of 059: an
# unquoted $(getcmdline)), which leaves quotes in them. What it prints follows the line "<out", what
# it complains of "<err"; after each line comes ".".
set -euf
testbed=$1
while IFS= read -r line; do
    echo '<out'
    # shellcheck disable=SC2086
    { chroot "$testbed" /usr/lib/NetworkManager/nm-initrd-generator -s -d /nonexistent \
        -p /nonexistent -- $line 2>&3 || echo "exit status $?" >&3; } 3> "$2/stderr"
    echo '<err'
    cat "$2/stderr"
    echo .
done
