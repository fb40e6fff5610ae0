"""A patched initrd and a patched stage2 boot: dracut's livenet fetches the image over HTTP from
`kickline serve`, pivots into it, and the unit that the patch added runs and reports.

Each layout with one machine: squashfs holding LiveOS/rootfs.img (ext4), as the installer has it,
below a device-mapper snapshot; flat squashfs; and EROFS, which dracut 059's dmsquash-live-root
mounts as a root of its own because it is no squashfs (a LiveOS/rootfs.img within EROFS it does not
look for, so that layout boots nowhere here). The latter two need an overlay, and there dracut 059
with systemd mounts /sysroot before its own hook has made the overlay's directories
(90overlayfs/mount-overlayfs.sh; 060 makes them earlier): the patch of the initrd mends that.
"""
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

import guest
import initrd
import lab as labs
import stage2

SERVER, ADDRESS, MAC = "2001:db8:11::20", "2001:db8:11::31:0", "52:54:00:12:34:56"
HOST = "newbox.example.net"
KICKLINE = labs.BUILD / "check/kickline"  # with its sanitizers
ENGINE = "network-manager"

INVENTORY = f"""\
server:
  address: ["{SERVER}"]
  trees: trees
  state: state/state.db
  user: nobody
hosts:
  {HOST}:
    tree: lab
    kickstart: none.ks
    console: ttyS0,115200
    kernel-args: ["root=live:http://[{SERVER}]/trees/lab/images/install.img",
                  systemd.show_status=false, kickline.deadline=900]
    nics: {{enp0s3: "{MAC}"}}
    network:
      enp0s3: {{addresses: [{ADDRESS}/64], gateway6: "{SERVER}"}}
"""

# In stage2: what reports, and what starts it.
UNIT = """\
[Unit]
Description=Was added by a patch

[Service]
Type=oneshot
ExecStart=/usr/local/bin/patched
StandardOutput=journal+console

[Install]
WantedBy=multi-user.target
"""
PROGRAM = """\
#!/bin/bash
part() { # part NAME COMMAND...
    name=$1
    shift
    printf '%s %s\\n' "$name" "$("$@" 2>&1 | base64 -w 0)"
}
{
    echo "@@KICKLINE-BEGIN"
    part motd cat /etc/motd
    part removed ls /etc/debian_version
    part modes stat -c '%n %a %u:%g' /etc/motd /usr/local/bin/patched /etc/systemd/system/patched.service
    part mounts cat /proc/mounts
    part stamps cat /run/kickline.stamps
    part cmdline cat /proc/cmdline
    part buildstamp cat /.buildstamp
    echo "@@KICKLINE-END"
} > /dev/ttyS1
sleep 0.2
systemctl poweroff -f -f
"""
MOTD = "the site's own message\n"
# In the initrd: a hook that dracut runs before it mounts the new root. /run goes along.
HOOK = """\
#!/bin/sh
mkdir -p /run/overlayfs /run/ovlwork
kickline-report stamp "patched initrd"
"""


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def changes(l):
    """The patch of stage2 as a directory, and the initrd's."""
    root, boot = l.files / "stage2", l.files / "initrd"
    write(root / "etc/systemd/system/patched.service", UNIT)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "patched.service").symlink_to("../patched.service")
    write(root / "etc/motd", MOTD)
    write(root / "usr/local/bin/patched", PROGRAM, 0o755)
    # By way of /lib, which is a symbolic link there.
    write(boot / "lib/dracut/hooks/pre-mount/60-patched.sh", HOOK, 0o755)
    return root, boot


def kickline(*argv):
    p = subprocess.run([KICKLINE, *argv], text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    assert p.returncode == 0, p.stdout
    return p.stdout


@dataclass
class Boot:
    report: guest.Report
    served: str
    console: str
    where: str

    def logs(self):
        return f"{self.where}\n" + "\n".join(f"-- {k}\n{v}" for k, v in self.report.items())


def boot(layout):
    image, kernel = initrd.initrd(ENGINE), initrd.kernel()[0]
    with labs.Lab(f"stage2-{layout}") as l:
        server = l.node("server")
        l.bridge("lan")
        l.attach("lan", server, "eth0")
        server.addr("eth0", f"{SERVER}/64")
        tree = l.files / "trees/lab"
        initrd.tree(tree, "9.4", image)
        write(l.files / "kickline.yaml", INVENTORY)
        write(l.files / "none.ks", "text\n")
        (l.files / "state").mkdir()
        root, hook = changes(l)
        patched = tree / "images/pxeboot/initrd.img"
        kickline("image", "patch", image, hook, "-o", patched)
        kickline("image", "patch", stage2.image(layout), root, "-o", tree / "images/install.img")
        conf = ["-f", l.files / "kickline.yaml"]
        process = server.start([KICKLINE, "serve", *conf], name="kickline", outside=True)
        process.wait_log(" start ")
        line = kickline("render", *conf, HOST, "cmdline").strip()
        line = re.sub(r"inst\.ks=\S+ ?", "", line)  # for the lab's module that ends the boot
        if layout != "live":
            line += " rd.live.overlay.overlayfs=1"
        vm = guest.Guest(l, "vm", [("lan", MAC)], kernel, patched, line)
        report = vm.report(900)
        assert process.stop() == 0, process.output()
        return Boot(report, process.output(), vm.console.read_text(errors="replace"), l.logs())


@pytest.fixture(scope="session")
def boots(request):
    """layout -> Future[Boot]; two at a time."""
    wanted = [i.callspec.params["layout"] for i in request.session.items
              if "layout" in getattr(getattr(i, "callspec", None), "params", {})]
    initrd.initrd(ENGINE)  # not by two threads at once
    stage2.image("live")
    print(f"accelerator: {guest.accelerator()}")
    with ThreadPoolExecutor(2) as pool:
        yield {layout: pool.submit(boot, layout) for layout in wanted}


@pytest.fixture
def booted(boots, layout):
    return boots[layout].result()


@pytest.mark.parametrize("layout", stage2.LAYOUTS)
def test_a_patched_stage2_boots(booted, layout):
    r = booted.report
    assert r["motd"] == MOTD
    assert re.search(r" http .*path=trees/lab/images/install\.img status=200", booted.served)
    # The initrd's hook ran, and after it the unit.
    assert [what for _, what in r.stamps()][-1] == "patched initrd"
    # It runs in the image and not in the initrd.
    assert "Product=Debian Miniature" in r["buildstamp"]
    on = "/dev/mapper/live-rw / ext4" if layout == "live" else "LiveOS_rootfs / overlay"
    assert re.search(f"^{on} ", r["mounts"], re.M), r["mounts"]
    assert r["modes"].splitlines() == [
        "/etc/motd 644 0:0", "/usr/local/bin/patched 755 0:0",
        "/etc/systemd/system/patched.service 644 0:0"]
