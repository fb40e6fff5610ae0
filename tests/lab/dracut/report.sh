#!/bin/sh
# kickline-report stamp NAME: notes the uptime at which a stage was reached.
# kickline-report send WHY:   reports what the machine itself has, and switches it off.
# kickline-report deadline:   reports after a while, if nothing else did.
#
# The report goes to the second serial port: a line "NAME BASE64" for each part, between marks.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
stamps=/run/kickline.stamps

part() { # part NAME COMMAND...
    name=$1
    shift
    printf '%s %s\n' "$name" "$("$@" 2>&1 | base64 -w 0)"
}
bonds() { # every option of every bond, as the driver has it
    for f in /sys/class/net/*/bonding/*; do
        [ -f "$f" ] && printf '%s=%s\n' "$f" "$(cat "$f" 2> /dev/null)"
    done
}
proc_bonds() {
    for f in /proc/net/bonding/*; do
        [ -f "$f" ] && cat "$f"
    done
}
report() {
    echo "@@KICKLINE-BEGIN"
    part why echo "$1"
    part addr ip -d -j addr
    part route4 ip -j -4 route
    part route6 ip -j -6 route
    part bonds bonds
    part proc_bonds proc_bonds
    part resolv cat /etc/resolv.conf
    part hostname cat /proc/sys/kernel/hostname
    part cmdline cat /proc/cmdline
    part stamps cat "$stamps"
    part kickstart cat /tmp/kickline.ks
    part fetch cat /tmp/kickline.fetch
    # What the network engine was told, for the person who looks for a fault.
    part engine sh -c 'cat /run/NetworkManager/system-connections/* /tmp/net.* /tmp/bond.*'
    echo "@@KICKLINE-END"
}
case $1 in
    stamp)
        read -r up _ < /proc/uptime
        echo "$up $2" >> "$stamps"
        ;;
    send)
        # A second reporter would write between the first one's lines.
        mkdir /run/kickline.sent 2> /dev/null || exit 0
        kickline-report stamp report
        report "$2" > /dev/ttyS1
        sleep 0.2
        poweroff -f -f
        ;;
    deadline)
        seconds=$(tr ' ' '\n' < /proc/cmdline | while read -r word; do
            case $word in kickline.deadline=*) echo "${word#*=}" ;; esac
        done)
        sleep "${seconds:-100}"
        kickline-report send deadline
        ;;
esac
