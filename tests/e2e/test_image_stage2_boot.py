"""A patched initrd and a patched stage2 boot: dracut's livenet fetches the image over HTTP from
`kickline serve`, pivots into it, and the unit that the patch added runs and reports. EROFS was
written by `kickline image patch`; the other two are patched by the server as it sends them, and no
file is ever written.

Each layout with one machine: squashfs holding LiveOS/rootfs.img (ext4), as the installer has it,
below a device-mapper snapshot; flat squashfs; and EROFS, which dracut 059's dmsquash-live-root
mounts as a root of its own because it is no squashfs (a LiveOS/rootfs.img within EROFS it does not
look for, so that layout boots nowhere here). The latter two need an overlay, and there dracut 059
with systemd mounts /sysroot before its own hook has made the overlay's directories
(90overlayfs/mount-overlayfs.sh; 060 makes them earlier): the patch of the initrd mends that.
"""
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

import guest
import initrd
import lab as labs
import stage2

SERVER, LOADER = "2001:db8:11::20", "2001:db8:11::30"
ADDRESS, MAC = "2001:db8:11::31:0", "52:54:00:12:34:56"
HOST = "newbox.example.net"
KICKLINE = labs.BUILD / "check/kickline"  # with its sanitizers
ENGINE = "network-manager"

SERVED = ("live", "flat")  # not written: a profile patches them

INVENTORY = """\
server:
  address: ["{server}"]
  trees: trees
  state: state/state.db
  user: nobody
profiles:
  site:
    tree: lab
    {patch}
hosts:
  {host}:
    profile: site
    kickstart: none.ks
    console: ttyS0,115200
    kernel-args: ["root=live:http://[{server}]{stage2}",
                  systemd.show_status=false, kickline.deadline=900]
    nics: {{enp0s3: "{mac}"}}
    network:
      enp0s3: {{addresses: [{address}/64], gateway6: "{server}"}}
"""
PATCH = "patch: {initrd: initrd, stage2: stage2}"


def place(layout):
    """The path below which the server has the tree's files, patched."""
    return "/patched/site/lab" if layout in SERVED else "/trees/lab"


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


def fill(l, layout):
    """The tree and the inventory; returns the latter's place."""
    tree = l.files / "trees/lab"
    initrd.tree(tree, "9.4", initrd.initrd(ENGINE))
    with open(tree / ".treeinfo", "a") as f:
        f.write("\n[stage2]\nmainimage = images/install.img\n")
    root, hook = changes(l)
    if layout in SERVED:
        shutil.copyfile(stage2.image(layout), tree / "images/install.img")
    else:
        kickline("image", "patch", stage2.image(layout), root, "-o", tree / "images/install.img")
        kickline("image", "patch", tree / "images/pxeboot/initrd.img", hook, "--in-place")
    write(l.files / "none.ks", "text\n")
    (l.files / "state").mkdir()
    conf = l.files / "kickline.yaml"
    write(conf, INVENTORY.format(
        server=SERVER, host=HOST, address=ADDRESS, mac=MAC,
        stage2=place(layout) + "/images/install.img",
        patch=PATCH if layout in SERVED else "kernel-args: []"))
    return conf


def boot(layout):
    with labs.Lab(f"stage2-{layout}") as l:
        server, loader = l.node("server"), l.node("loader")
        l.bridge("lan")
        l.attach("lan", server, "eth0")
        l.attach("lan", loader, "eth0")
        server.addr("eth0", f"{SERVER}/64")
        loader.addr("eth0", f"{LOADER}/64")
        conf = fill(l, layout)
        process = server.start([KICKLINE, "serve", "-f", conf], name="kickline", outside=True)
        process.wait_log(" start ", 120)
        image = l.dir / "initrd.img"  # as a boot loader would load it
        loader.run(["/usr/bin/python3", "-c",
                    "import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])",
                    f"http://[{SERVER}]{place(layout)}/images/pxeboot/initrd.img", image],
                   outside=True)
        line = kickline("render", "-f", conf, HOST, "cmdline").strip()
        line = re.sub(r"inst\.ks=\S+ ?", "", line)  # for the lab's module that ends the boot
        if layout != "live":
            line += " rd.live.overlay.overlayfs=1"
        vm = guest.Guest(l, "vm", [("lan", MAC)], initrd.kernel()[0], image, line)
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
    fetched = f"path={place(layout)[1:]}/images/install.img status=200"
    assert re.search(rf" http host={HOST} .*{fetched}", booted.served), booted.served
    # The initrd's hook ran, and after it the unit.
    assert [what for _, what in r.stamps()][-1] == "patched initrd"
    # It runs in the image and not in the initrd.
    assert "Product=Debian Miniature" in r["buildstamp"]
    on = "/dev/mapper/live-rw / ext4" if layout == "live" else "LiveOS_rootfs / overlay"
    assert re.search(f"^{on} ", r["mounts"], re.M), r["mounts"]
    assert r["modes"].splitlines() == [
        "/etc/motd 644 0:0", "/usr/local/bin/patched 755 0:0",
        "/etc/systemd/system/patched.service 644 0:0"]
