#!/bin/sh
# initqueue/online, once for each interface that dracut calls online: fetches the kickstart with
# dracut's own url-lib, as anaconda's fetch-kickstart-net does, and reports.
command -v getarg > /dev/null || . /lib/dracut-lib.sh
command -v fetch_url > /dev/null || . /lib/url-lib.sh

kickline_url=$(getarg inst.ks=)
if [ -n "$kickline_url" ] && [ ! -e /tmp/kickline.ks ]; then
    kickline-report stamp "online:$1"
    if fetch_url "$kickline_url" /tmp/kickline.ks 2> /tmp/kickline.fetch; then
        kickline-report stamp kickstart
        kickline-report send fetched
    else
        # anaconda tries again when the next interface is online; so does this.
        kickline-report stamp "failed:$1"
        rm -f /tmp/kickline.ks
    fi
fi
