#!/bin/sh
# Dracut's own legacy parsers, run on many kernel command lines, one a line on stdin.
#
#     unshare -m tests/oracle/legacy.sh TESTBED EMPTY-DIRECTORY
#
# In a mount namespace of its own: the testbed under an overlay, with a /proc/cmdline that can be
# written. For each line the parsers are sourced in the order of dracut's hooks, in a shell of
# their own, and what they left is printed, a fact a line, "KIND<tab>VALUE...", up to a line ".".
# Nothing of dracut is changed but die, warn and info, which print.
set -eu
testbed=$1 root=$2
mount -t tmpfs none "$root"
mkdir "$root/upper" "$root/scratch" "$root/root"
mount -t overlay -o "lowerdir=$testbed,upperdir=$root/upper,workdir=$root/scratch" none "$root/root"
root=$root/root
mount -t proc proc "$root/proc"
: > "$root/cmdline"
mount --bind "$root/cmdline" "$root/proc/cmdline"
mkdir -p "$root/etc/cmdline.d" "$root/oracle"
modules=/usr/lib/dracut/modules.d
cp "$root$modules/99base/dracut-lib.sh" "$root$modules/99base/dracut-dev-lib.sh" \
    "$root$modules/40network/net-lib.sh" "$root/usr/lib/"
for name in dracut-getarg dracut-getargs; do
    ln -s /usr/lib/dracut/dracut-util "$root/usr/bin/$name"
done
# What turns a VLAN's name into its id is a function within ifup.sh.
sed -n '/^get_vid()/,/^}/p' "$root$modules/35network-legacy/ifup.sh" > "$root/oracle/get_vid.sh"
[ -s "$root/oracle/get_vid.sh" ]

cat > "$root/oracle/one.sh" << 'EOF'
. /usr/lib/dracut-lib.sh
. /usr/lib/dracut-dev-lib.sh
. /usr/lib/net-lib.sh
. /oracle/get_vid.sh
say() { printf '%s\n' "$*" | tr '\n' ' ' >&3; echo >&3; }
die() { say "die	$*"; exit 1; }
warn() { case "$*" in "Network interface '"*"' does not exist") ;; *) say "warn	$*" ;; esac; }
info() { :; }
m=/usr/lib/dracut/modules.d/35network-legacy
for parser in vlan bond bridge ip-opts ifname; do
    . $m/parse-$parser.sh || :
done
for i in /tmp/bond.*.info; do
    [ -e "$i" ] || continue
    . "$i"
    say "bond	$bondname	$bondslaves	$bondoptions	$bondmtu"
done
for i in /tmp/bridge.*.info; do
    [ -e "$i" ] || continue
    . "$i"
    say "bridge	$bridgename	$bridgeslaves"
done
for i in /tmp/vlan.*.phy; do
    [ -e "$i" ] || continue
    . "$i"
    for j in /tmp/vlan.*."$phydevice"; do
        . "$j"
        say "vlan	$vlanname	$phydevice	$(get_vid "$vlanname")"
    done
done
[ ! -e /tmp/net.ifaces ] || say "ifaces	$(cat /tmp/net.ifaces)"
[ ! -e /tmp/net.bootdev ] || say "bootdev	$(cat /tmp/net.bootdev)"
for p in $(getargs ip=); do
    ip_to_var "$p"
    say "ip	$dev	$autoconf	$ip	$srv	$gw	$mask	$hostname	$mtu	$macaddr	$dns1	$dns2"
done
for p in $(getargs nameserver); do
    say "nameserver	$p"
done
for p in $(getargs rd.route); do
    route_to_var "$p" || say "warn	no route: $p"
    say "route	$route_mask	$route_gw	$route_dev"
done
for p in $(getargs ifname=); do
    parse_ifname_opts "$p"
    say "ifname	$ifname_if	$ifname_mac"
done
for p in carrier ipv6dad; do
    say "timeout	$p	$(getargs rd.net.timeout.$p=)"
done
getargbool 0 rd.neednet && say "neednet"
say "done"
EOF

while IFS= read -r line; do
    printf '%s\n' "$line" > "$root/cmdline"
    rm -rf "$root"/tmp/* "$root"/etc/cmdline.d/*
    chroot "$root" /bin/sh /oracle/one.sh 3>&1 > /dev/null 2> "$root/oracle/stderr" || :
    sed 's/^/stderr	/' "$root/oracle/stderr"
    echo .
done
