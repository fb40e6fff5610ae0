"""The loaders' configurations, run by the loaders: what the kernel then sees as its command line is
the line that was meant, to the byte; and a host that is not armed starts its own disk. The
configurations are golden files (tests/unit/test_loader.c writes them)."""
import re
import shutil
import urllib.parse

import pytest

import guest
import initrd
import lab as labs

GOLDEN = labs.TOP / "tests/golden/loader"
LINE = re.search(r"APPEND (.*)", (GOLDEN / "lab-armed.pxelinux").read_text()).group(1)

# Writes its text to the first serial port, and stops: `mov dx, 0x3f8; lodsb; out dx, al` in a loop.
BOOT_SECTOR = (bytes.fromhex("31c08ed8baf803be157cac84c07403eeebf8f4ebfd") +
               b"the disk boots\r\n\0").ljust(510, b"\0") + b"\x55\xaa"


class Machine:
    """A machine whose network card is in QEMU's own network, where 10.0.2.2 serves `top` by TFTP,
    and is this node for HTTP."""

    def __init__(self, lab, top, bootfile, *more, efi=False):
        self.lab, self.console = lab, lab.dir / "console.log"
        kvm = guest.accelerator() == "kvm"
        argv = [guest.QEMU, "-machine", "q35", "-m", "512", "-nodefaults", "-display", "none",
                "-no-reboot", "-serial", f"file:{self.console}",
                "-accel", "kvm" if kvm else "tcg,thread=multi",
                "-cpu", "host" if kvm else "max,la57=off",
                "-netdev", f"user,id=n,tftp={top},bootfile={bootfile}",
                "-device", "virtio-net-pci,netdev=n,bootindex=0" + (",romfile=" if efi else "")]
        if efi:
            share, variables = labs.TESTBED / "usr/share/OVMF", lab.dir / "vars.fd"
            shutil.copyfile(share / "OVMF_VARS_4M.fd", variables)
            argv += ["-drive", f"if=pflash,format=raw,readonly=on,file={share}/OVMF_CODE_4M.fd",
                     "-drive", f"if=pflash,format=raw,file={variables}"]
        self.process = lab.switch.start([*argv, *more], outside=True)

    def text(self):
        """The console without the escapes of terminals."""
        said = self.console.read_text(errors="replace") if self.console.exists() else ""
        return re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]", "", said)

    def says(self, pattern, timeout=90):
        try:
            self.lab.wait(pattern, lambda: re.search(pattern, self.text()) or
                          not self.process.running, timeout, every=0.3)
        except labs.LabError as e:
            raise labs.LabError(f"{e}; console:\n{self.text()[-2000:]}") from None
        found = re.search(pattern, self.text())
        assert found, f"ended without: {pattern}\n{self.text()[-2000:]}"
        self.process.stop()
        return found.group(1)


COMMAND_LINE = r"\] Command line: (.*?)\r?\n"
DISK = r"(the disk boots)"


@pytest.fixture
def top(lab):
    """What the TFTP server has: a kernel and two initrds, and nothing of the loader's yet."""
    top = lab.dir / "tftp"
    (top / "k").mkdir(parents=True)
    shutil.copyfile(initrd.kernel()[0], top / "k/vmlinuz")
    for name in "a.img", "b.img":
        (top / "k" / name).write_bytes(b"\0" * 512)
    return top


@pytest.fixture
def disk(lab):
    image = lab.dir / "disk.img"
    image.write_bytes(BOOT_SECTOR.ljust(1 << 20, b"\0"))
    return ["-drive", f"if=none,id=d,format=raw,file={image}",
            "-device", "virtio-blk-pci,drive=d,bootindex=1"]


def pxelinux(top, config):
    for f in ("PXELINUX/pxelinux.0", "syslinux/modules/bios/ldlinux.c32",
              "syslinux/modules/bios/menu.c32", "syslinux/modules/bios/libutil.c32"):
        shutil.copy(labs.TESTBED / "usr/lib" / f, top)
    (top / "pxelinux.cfg").mkdir()
    shutil.copyfile(GOLDEN / config, top / "pxelinux.cfg/default")


def test_pxelinux_hands_over_the_line(lab, top):
    pxelinux(top, "lab-armed.pxelinux")
    assert Machine(lab, top, "pxelinux.0").says(COMMAND_LINE) == (
        f"BOOT_IMAGE=::/k/vmlinuz {LINE} initrd=::/k/a.img,::/k/b.img")


def test_pxelinux_of_a_host_that_is_not_armed(lab, top, disk):
    pxelinux(top, "lab-disarmed.pxelinux")
    Machine(lab, top, "pxelinux.0", *disk).says(DISK)


def ipxe(top, config):
    # QEMU's own network ROM is iPXE (of the same source as Debian's ipxe.efi): it takes a script.
    shutil.copyfile(GOLDEN / config, top / "boot.ipxe")
    return "boot.ipxe"


def test_ipxe_reports_and_hands_over_the_line(lab, top):
    """On BIOS. What it reports is what it has configured."""
    web = lab.switch.start(["python3", "-m", "http.server", "-b", "127.0.0.1", "8080"],
                           outside=True, name="http")
    lab.wait("the web server", lambda: lab.switch.run(["ss", "-tln"]).stdout.count(":8080"))
    m = Machine(lab, top, ipxe(top, "lab-armed.ipxe"))
    assert m.says(COMMAND_LINE) == f"initrd=initrd.img initrd=initrd2.img {LINE}"
    asked = re.search(r'"GET /report\?(\S*)', web.output()).group(1)
    said = dict(urllib.parse.parse_qsl(asked))
    assert said["stage"] == "loader" and said["platform"] == "pcbios"
    assert said["ip"] == "10.0.2.15" and said["netmask"] == "255.255.255.0"
    assert said["gateway"] == "10.0.2.2" and said["dns"] == "10.0.2.3"
    assert said["mac"] == "52:54:00:12:34:56"
    # QEMU's network advertises a prefix and a router, too.
    assert said["ip6"] == "fec0::5054:ff:fe12:3456" and said["len6"] == "64"
    assert said["gateway6"] == "fe80::2"


def test_ipxe_whose_report_gets_no_answer_boots_all_the_same(lab, top, disk):
    """And of a host that is not armed: no web server, its own disk."""
    Machine(lab, top, ipxe(top, "lab-disarmed.ipxe"), *disk).says(DISK)


def grub(top, config):
    (top / "grub").mkdir()
    shutil.copyfile(GOLDEN / config, top / "grub/grub.cfg")
    shutil.copyfile(labs.TESTBED / "usr/lib/grub/x86_64-efi/monolithic/grubnetx64.efi",
                    top / "grubnetx64.efi")
    return "grubnetx64.efi"


def test_grub_hands_over_the_line(lab, top):
    """Under UEFI, loaded by its PXE."""
    m = Machine(lab, top, grub(top, "lab-armed.grub"), efi=True)
    assert m.says(COMMAND_LINE, 150) == f"BOOT_IMAGE=/k/vmlinuz {LINE}"


def test_grub_of_a_host_that_is_not_armed(lab, top):
    """Under UEFI: it finds the installed system's loader on the disk and starts it. (iPXE stands
    in for shim: what it says first tells that it runs.)"""
    esp = lab.dir / "esp/EFI/redhat"
    esp.mkdir(parents=True)
    shutil.copyfile(labs.TESTBED / "boot/ipxe.efi", esp / "shimx64.efi")
    m = Machine(lab, top, grub(top, "lab-disarmed.grub"), "-drive",
                f"if=none,id=d,format=raw,file=fat:rw:{esp.parents[1]}",
                "-device", "virtio-blk-pci,drive=d,bootindex=1", efi=True)
    m.says(r"(iPXE initialising)", 150)
