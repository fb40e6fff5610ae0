"""The guests' kernel and initrd: Debian's kernel, and an initrd that the testbed's own dracut
builds, once for each network engine. A small dracut module of the lab's (tests/lab/dracut/) stands
in for anaconda's: it fetches the kickstart and reports what the machine has."""
import fcntl
import hashlib
import os
import shutil
from pathlib import Path

import lab

ENGINES = ("network-legacy", "network-manager")
MODULES = ("base systemd systemd-initrd dracut-systemd systemd-udevd kernel-modules "
           "kernel-network-modules url-lib livenet dmsquash-live fs-lib rootfs-block udev-rules "
           "shutdown kickline-lab")
# These drivers (and what they stand on) and no others: what a virtual machine's network needs, and
# what dmsquash-live asks for. With all of Debian's the initrd would be three times as large, which
# a guest without KVM pays for twice: when it loads it and when it unpacks it.
DRIVERS = ("bonding 8021q bridge ipv6 af_packet virtio virtio_ring virtio_pci virtio_net "
           "net_failover failover loop squashfs erofs overlay iso9660 ext4 dm_mod dm_snapshot unix")


def kernel():
    """The testbed's kernel image and its version."""
    images = sorted((lab.TESTBED / "boot").glob("vmlinuz-*"))
    if not images:
        raise lab.LabError(f"no kernel in {lab.TESTBED}/boot")
    return images[-1], images[-1].name.removeprefix("vmlinuz-")


def initrd(engine):
    """The initrd with this network engine; builds it when there is none of these inputs yet."""
    assert engine in ENGINES
    image, version = kernel()
    module = Path(__file__).parent / "dracut"
    key = hashlib.sha256()
    key.update((lab.TESTBED / ".testbed").read_bytes())
    for part in (engine, version, MODULES, DRIVERS):
        key.update(part.encode() + b"\0")
    for f in sorted(module.iterdir()):
        key.update(f.name.encode() + b"\0" + f.read_bytes())
    key.update(Path(__file__).read_bytes())
    out = lab.BUILD / "initrd" / f"{engine}-{key.hexdigest()[:16]}.img"
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out.parent / f".{engine}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            build(engine, version, module, out)
            for old in out.parent.glob(f"{engine}-*.img"):
                if old != out:
                    old.unlink()
    return out


def tree(path, version, image):
    """Makes a directory that passes for a RHEL tree of this version: the testbed's kernel, an
    initrd, and the .treeinfo that tells the boot server whose spelling to use."""
    boot = path / "images/pxeboot"
    boot.mkdir(parents=True)
    shutil.copyfile(kernel()[0], boot / "vmlinuz")
    shutil.copyfile(image, boot / "initrd.img")
    (path / ".treeinfo").write_text(
        "[general]\nfamily = Red Hat Enterprise Linux\n"
        f"version = {version}\nname = Red Hat Enterprise Linux {version}\narch = x86_64\n\n"
        "[images-x86_64]\nkernel = images/pxeboot/vmlinuz\n"
        "initrd = images/pxeboot/initrd.img\n")


def only(node, version, drivers):
    """Takes all other kernel modules, and udev's hardware database, out of a node's root."""
    keep = set()
    for name in drivers:
        listed = node.run(["modprobe", "-S", version, "--show-depends", name]).stdout
        keep.update(Path(w).name for w in listed.split() if w.endswith(".ko"))
    tree = node.path(f"/lib/modules/{version}/kernel")
    for ko in list(tree.rglob("*.ko")):
        if ko.name not in keep:
            ko.unlink()
    node.run(["depmod", version])
    for hwdb in ("/usr/lib/udev/hwdb.bin", "/etc/udev/hwdb.bin"):
        node.path(hwdb).unlink(missing_ok=True)


def bond_takes_a_ports_mac(node):
    """Debian's udev gives a bond a made-up MAC address before it has ports
    (MACAddressPolicy=persistent, systemd 252 99-default.link); EL has none there (rhbz 1921094), so
    that a bond takes its first port's."""
    link = "/usr/lib/systemd/network/99-default.link"
    text = node.read(link)
    changed = text.replace("MACAddressPolicy=persistent", "MACAddressPolicy=none")
    if changed == text:
        raise lab.LabError(f"{link} has no MACAddressPolicy=persistent any more")
    node.path(link).unlink()
    node.write(link, changed)


def build(engine, version, module, out):
    with lab.Lab(f"initrd-{engine}") as l:
        node = l.node("dracut")
        to = node.path("/usr/lib/dracut/modules.d/95kickline-lab")
        shutil.copytree(module, to)
        for f in to.iterdir():
            f.chmod(0o755)
        only(node, version, DRIVERS.split())
        bond_takes_a_ports_mac(node)
        argv = ["dracut", "--force", "--kver", version, "--no-hostonly", "--no-hostonly-cmdline",
                "--no-early-microcode", "--nofscks", "--nomdadmconf", "--nolvmconf", "--nostrip",
                "--modules", f"{MODULES} {engine}", "--add-drivers", DRIVERS,
                "--compress", "gzip -1", "/tmp/initrd.img"]
        p = node.run(argv, timeout=300, env={"SYSTEMD_IGNORE_CHROOT": "1"})
        (l.dir / "dracut.log").write_text(p.stdout + p.stderr)
        new = out.with_suffix(".new")
        shutil.copyfile(node.path("/tmp/initrd.img"), new)
        os.replace(new, out)
