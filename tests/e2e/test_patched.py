"""A profile's patched images over the wire: what HTTP (whole, by ranges, resumed) and TFTP send is,
byte for byte, what `kickline image patch` writes; a reload takes up new patches; a tree that cannot
be patched leaves the server and all other hosts as they are."""
import hashlib
import re
import signal
import subprocess

import pytest

import lab as labs
from serving import PROGRAM, SERVER4, SERVER6, TREEINFO, Site

HTTP = f"http://[{SERVER6}]"
TREE = "/patched/fixed/c72"
INITRD, STAGE2 = "images/pxeboot/initrd.img", "LiveOS/squashfs.img"


def shell(command, cwd):
    subprocess.run(["bash", "-ec", command], cwd=cwd, check=True, stdout=subprocess.DEVNULL)


def make_tree(top):
    shell(f"""
        mkdir -p root/etc root/usr fixes/initrd/etc fixes/stage2/etc
        mkdir -p trees/c72/images/pxeboot trees/c72/LiveOS
        echo old > root/etc/motd; head -c 2000000 /dev/urandom > root/usr/tool
        (cd root; find . | cpio -o -H newc --quiet) | gzip -n > trees/c72/{INITRD}
        mksquashfs root trees/c72/{STAGE2} -quiet -no-progress -comp gzip
        echo early > fixes/initrd/etc/motd; echo late > fixes/stage2/etc/motd""", top)
    tree = top / "trees/c72"
    sums = "".join(f"{name} = sha256:{hashlib.sha256((tree / name).read_bytes()).hexdigest()}\n"
                   for name in (INITRD, STAGE2))
    (tree / ".treeinfo").write_text(
        TREEINFO + f"[stage2]\nmainimage = {STAGE2}\n[checksums]\n" + sums)


@pytest.fixture(scope="module")
def site():
    with labs.Lab("patched") as lab:
        s = Site(lab)
        make_tree(s.dir)
        text = s.conf.read_text().replace("profiles:\n", "profiles:\n"
            "  fixed: {inherits: el7, release: centos-7.2, tree: c72,\n"
            "    patch: {initrd: fixes/initrd, stage2: [fixes/stage2]}}\n")
        s.conf.write_text(text + '  web3: {profile: fixed, nics: {ens3: "52:54:00:00:00:03"},\n'
                          '    network: {ens3: {addresses: ["2001:db8:11::3/64"],'
                          ' gateway6: ra}}}\n')
        s.start("--no-dhcp6", "--debug")
        yield s
        s.close()


def reload(site):
    seen = site.process.output().count("info reload ")
    site.process.send(signal.SIGHUP)
    site.lab.wait("a reload", lambda: site.process.output().count("info reload ") > seen)


def written(site, name, patch, to):
    """What `kickline image patch` makes of it."""
    out = site.dir / to
    subprocess.run([PROGRAM, "image", "patch", "--no-cache", "-o", out, site.dir / "trees/c72" / name,
                    site.dir / patch], check=True, stdout=subprocess.DEVNULL)
    return out.read_bytes()


@pytest.mark.parametrize("name,patch", [(INITRD, "fixes/initrd"), (STAGE2, "fixes/stage2")])
def test_http_sends_what_would_be_written(site, name, patch):
    want = written(site, name, patch, "want.img")
    assert want != (site.dir / "trees/c72" / name).read_bytes()
    path = f"{TREE}/{name}"
    assert site.download(path) == want
    n = len(want)
    for first, last in [(0, 0), (n // 2, n // 2 + 100000), (n - 5000, n - 1), (4097, n - 3)]:
        assert site.download(path, "-r", f"{first}-{last}") == want[first:last + 1]
    site.client.write("/tmp/got", want[:123456])  # a download that broke off goes on
    site.curl("-f", "-C", "-", "-o", "/tmp/got", HTTP + path)
    assert site.client.path("/tmp/got").read_bytes() == want


def test_tftp_sends_the_same(site):
    want = written(site, INITRD, "fixes/initrd", "want.img")
    site.client.run(["curl", "-sS", "-g", "-o", "/tmp/got", f"tftp://{SERVER4}{TREE}/{INITRD}"])
    assert site.client.path("/tmp/got").read_bytes() == want


def test_the_treeinfo_tells_its_checksums(site):
    text = site.download(f"{TREE}/.treeinfo").decode()
    for name in (INITRD, STAGE2):
        digest = hashlib.sha256(site.download(f"{TREE}/{name}")).hexdigest()
        assert f"\n{name} = sha256:{digest}\n" in text
    own = (site.dir / "trees/c72/.treeinfo").read_text()
    assert [a == b for a, b in zip(text.split("\n"), own.split("\n"))].count(False) == 2
    assert site.download("/trees/c72/.treeinfo").decode() == own


def test_conditions_hold_for_ropes(site):
    out = site.curl("-o", "/dev/null", "-D", "-", HTTP + f"{TREE}/{STAGE2}").stdout
    tag = re.search(r'ETag: ("[0-9a-f]+")', out).group(1)
    assert site.status(f"{TREE}/{STAGE2}", "-H", f"If-None-Match: {tag}") == 304
    assert site.status(f"/trees/c72/{STAGE2}", "-H", f"If-None-Match: {tag}") == 200


def test_check_says_what_cannot_be_patched_and_a_reload_takes_new_patches(site):
    fix = site.dir / "fixes/stage2/etc/motd"
    before = site.download(f"{TREE}/{STAGE2}")
    fix.write_text("later\n")
    reload(site)
    assert site.download(f"{TREE}/{STAGE2}") != before
    fix.unlink()
    (fix / "under").mkdir(parents=True)  # a directory over a file
    checked = site.kickline("serve", "--check", check=False)
    assert checked.returncode == 1
    assert re.search(r"kickline.yaml:\d+:\d+: error: profile 'fixed', tree 'c72': LiveOS/squashfs"
                     r".img cannot be patched", checked.stderr)
    reload(site)
    assert "cannot be patched" in site.process.output()
    for name in (INITRD, STAGE2, ".treeinfo"):
        assert site.status(f"{TREE}/{name}") == 500
    assert site.download("/trees/c79/small.txt") == b"hello\n"
