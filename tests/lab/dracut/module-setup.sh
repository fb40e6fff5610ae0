#!/bin/bash
# Stands in for anaconda's dracut module, which Debian does not ship: it fetches the kickstart when
# the network is online (11, where anaconda has fetch-kickstart-net) and reports what the machine
# has then. A deadline reports what it has if that never comes.

check() {
    return 255
}

depends() {
    echo network url-lib systemd
}

install() {
    inst_multiple ip base64 cat sleep hostname curl poweroff sync tr
    inst_simple "$moddir/report.sh" /sbin/kickline-report
    inst_hook pre-udev 01 "$moddir/begin.sh"
    inst_hook initqueue/online 11 "$moddir/online.sh"
    inst_simple "$moddir/deadline.service" "$systemdsystemunitdir/kickline-deadline.service"
    $SYSTEMCTL -q --root "$initdir" add-wants sysinit.target kickline-deadline.service
}
