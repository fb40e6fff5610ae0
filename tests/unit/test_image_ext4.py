"""ext4, looked into and patched: against e2fsck, debugfs and the kernel's own mount."""

import hashlib
import os
import pathlib
import stat
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / 'build/check/tests/unit/ext4-patch'

# What mke2fs is asked for. `-E hash_seed` and `-U` as they come: the patch must not care.
KINDS = {
    'ext2 1K': ['-t', 'ext2', '-b', '1024'],
    'ext3, inodes of 128': ['-t', 'ext3', '-b', '4096', '-I', '128'],
    'ext4 4K': ['-t', 'ext4', '-b', '4096'],
    'ext4 as of RHEL 7': ['-t', 'ext4', '-b', '4096', '-O', '^metadata_csum,^64bit,uninit_bg'],
    'ext4 1K inline': ['-t', 'ext4', '-b', '1024', '-O', 'inline_data'],
    'ext4 seed, large_dir': ['-t', 'ext4', '-b', '1024', '-O', 'metadata_csum_seed,large_dir'],
    'ext4 ea_inode': ['-t', 'ext4', '-b', '2048', '-O', 'ea_inode,inline_data,^metadata_csum'],
    'ext4 meta_bg': ['-t', 'ext4', '-b', '1024', '-O', 'meta_bg,^resize_inode,sparse_super2'],
}


def run(*args, ok=True, **kw):
    r = subprocess.run([str(a) for a in args], capture_output=True, text=True, **kw)
    if ok:
        assert r.returncode == 0, f'{args}: {r.stdout}{r.stderr}'
    return r


def patch(image, out, *changes, ok=True):
    return run(TOOL, image, out, *changes, ok=ok)


def clean(image):
    r = run('e2fsck', '-fn', image, ok=False)
    assert r.returncode == 0, r.stdout + r.stderr


def listing(image):
    """What the reader sees: path -> the rest of its line."""
    lines = run(TOOL, image).stdout.splitlines()
    assert lines[0].startswith('# ')
    return {line.split('\t')[0]: line.split('\t')[1:] for line in lines[1:]}


def make_tree(base):
    t = base / 'tree'
    for d in ('etc/sysconfig', 'usr/bin', 'usr/lib', 'big', 'empty', 'gone/deep/deeper'):
        (t / d).mkdir(parents=True)
    (t / 'etc/motd').write_text('hello\n')
    (t / 'etc/hostname').write_text('host\n')
    (t / 'etc/link').symlink_to('motd')
    (t / 'etc/slow').symlink_to('s/' * 100)
    (t / 'etc/sysconfig/network').write_text('x' * 5000)
    (t / 'usr/bin/tool').write_bytes(bytes(range(256)) * 900)
    os.link(t / 'usr/bin/tool', t / 'usr/bin/tool2')
    (t / 'gone/deep/deeper/file').write_text('gone\n' * 3000)
    os.link(t / 'gone/deep/deeper/file', t / 'etc/kept')
    with open(t / 'usr/lib/sparse', 'wb') as f:
        f.seek(700000)
        f.write(b'end')
    for i in range(150):
        (t / f'big/a-file-with-a-name-{i}').write_text(f'{i}\n')
    os.mknod(t / 'etc/null', 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(t / 'etc/wide', 0o600 | stat.S_IFBLK, os.makedev(259, 70000))
    os.mkfifo(t / 'etc/fifo')
    os.chown(t / 'etc/hostname', 70000, 80000)
    os.chmod(t / 'usr/bin/tool', 0o4755)
    os.setxattr(t / 'etc/motd', 'security.selinux', b'system_u:object_r:etc_t:s0\0')
    os.setxattr(t / 'etc/motd', 'user.long', b'v' * 600)
    # Version 2; user::rw-, user 12:rw-, group::r--, mask::rw-, other::r--.
    acl = b''.join(
        tag.to_bytes(2, 'little') + perm.to_bytes(2, 'little') + who.to_bytes(4, 'little')
        for tag, perm, who in ((1, 6, 2**32 - 1), (2, 6, 12), (4, 4, 2**32 - 1),
                               (16, 6, 2**32 - 1), (32, 4, 2**32 - 1)))
    os.setxattr(t / 'etc/hostname', 'system.posix_acl_access', b'\2\0\0\0' + acl)
    for p in [t, *sorted(t.rglob('*'))]:
        os.utime(p, (1500000000, 1500000000 + len(p.name)), follow_symlinks=False)
    return t


def make_image(base, tree, options, size='12M', indexed=True, name='image'):
    image = base / name
    image.unlink(missing_ok=True)
    with open(image, 'wb') as f:
        f.truncate(int(size[:-1]) << 20)
    run('mke2fs', '-q', '-F', *options, '-d', tree, image)
    if indexed:
        run('e2fsck', '-fyD', image, ok=False)
    clean(image)
    return image


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    return make_tree(tmp_path_factory.mktemp('ext4'))


@pytest.fixture(scope='module', params=KINDS)
def image(request, tree, tmp_path_factory):
    return make_image(tmp_path_factory.mktemp('image'), tree, KINDS[request.param])


class Mounted:
    """The kernel's view."""

    def __init__(self, image, at):
        self.image, self.at = image, at

    def __enter__(self):
        self.at.mkdir(exist_ok=True)
        run('mount', '-o', 'ro,loop', self.image, self.at)
        return self.at

    def __exit__(self, *_):
        run('umount', self.at)


def line_of(root, p):
    st = os.lstat(p)
    kinds = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory', stat.S_IFLNK: 'symbolic link',
             stat.S_IFCHR: 'character device', stat.S_IFBLK: 'block device', stat.S_IFIFO: 'FIFO',
             stat.S_IFSOCK: 'socket'}
    kind = stat.S_IFMT(st.st_mode)
    sized = kind in (stat.S_IFREG, stat.S_IFLNK)
    device = kind in (stat.S_IFCHR, stat.S_IFBLK)
    return [
        kinds[kind], f'{stat.S_IMODE(st.st_mode):o}', str(st.st_uid), str(st.st_gid),
        str(st.st_nlink), str(int(st.st_mtime)), str(st.st_size if sized else 0),
        f'{os.major(st.st_rdev)}:{os.minor(st.st_rdev)}' if device else '0:0',
        os.readlink(p) if kind == stat.S_IFLNK else '-',
        hashlib.sha256(p.read_bytes()).hexdigest() if kind == stat.S_IFREG else '-',
        *(f'{x}={os.getxattr(p, x, follow_symlinks=False).hex()}'
          for x in sorted(os.listxattr(p, follow_symlinks=False)))]


def kernel_listing(image, at):
    with Mounted(image, at) as root:
        return {str(p.relative_to(root)): line_of(root, p) for p in sorted(root.rglob('*'))}


def test_the_reader_sees_what_the_kernel_sees(image, tmp_path):
    assert listing(image) == kernel_listing(image, tmp_path / 'mnt')


# --- patched ------------------------------------------------------------------------------------


def other_lines(a, b, touched):
    """Nothing else has changed; of directories that were worked in, nothing but their links."""
    for path in a.keys() | b.keys():
        if any(path == t or path.startswith(t + '/') for t in touched):
            continue
        assert a.get(path) == b.get(path), path


def blocks_of(image):
    data = image.read_bytes()
    return [data[i:i + (128 << 10)] for i in range(0, len(data), 128 << 10)]


def test_changes_are_there_and_nothing_else_is(image, tmp_path):
    before = listing(image)
    new, text = tmp_path / 'new', tmp_path / 'text'
    new.write_bytes(os.urandom(300000))
    text.write_text('patched\n')
    touched = ('etc/motd', 'etc/hostname', 'etc/added', 'usr/bin/tool', 'usr/bin/tool2', 'srv',
               'etc/link', 'etc/slow', 'big/a-file-with-a-name-7', 'etc/label', 'usr/bin/new',
               'dev-console', 'etc/null', 'etc/kept', 'gone', 'empty/one')
    changes = [
        f'put:{text}:etc/motd', f'put:{new}:etc/hostname', f'put:{new}:etc/added:600',
        f'put:{text}:usr/bin/tool', f'put:{new}:usr/bin/new:755', 'dir:srv/a/b', 'link:/x/y:srv/l',
        'link:' + 'z/' * 150 + ':etc/link', f'put:{text}:etc/slow', 'rm:big/a-file-with-a-name-7',
        'label:system_u:etc/label', 'char:5:1:dev-console', 'rm:etc/null', 'rm:gone',
        f'put:{text}:empty/one']
    out = tmp_path / 'out'
    said = int(patch(image, out, *changes).stdout)
    clean(out)
    after = listing(out)
    assert after == kernel_listing(out, tmp_path / 'mnt')
    other_lines(before, after, touched)

    sha = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in (new, text)}
    for path in ('etc/motd', 'usr/bin/tool', 'etc/slow', 'empty/one'):
        assert after[path][9] == sha[text]
    for path in ('etc/hostname', 'etc/added', 'usr/bin/new'):
        assert after[path][9] == sha[new]
    # Replaced: owner, mode and attributes stay; of a hard link, the other name does.
    assert after['etc/hostname'][1:4] == before['etc/hostname'][1:4]
    for path in ('etc/motd', 'etc/hostname'):
        assert after[path][10:] == before[path][10:] != []
    assert after['usr/bin/tool'][1:5] == ['4755', '0', '0', '1']
    assert after['usr/bin/tool2'][4] == '1' and after['usr/bin/tool2'][9] == before['usr/bin/tool'][9]
    assert after['etc/added'][:2] == ['file', '600']
    assert after['usr/bin/new'][1] == '755'
    assert after['srv/a/b'][:2] == ['directory', '755']
    assert after['srv/l'][8] == '/x/y' and after['etc/link'][8] == 'z/' * 150
    assert after['dev-console'][0] == 'character device' and after['dev-console'][7] == '5:1'
    assert 'security.selinux=' + b'system_u'.hex() in after['etc/label'][10:]
    for path in ('etc/null', 'gone', 'gone/deep/deeper/file', 'big/a-file-with-a-name-7'):
        assert path not in after
    assert after['etc/kept'][4] == '1'

    same = sum(a != b for a, b in zip(blocks_of(image), blocks_of(out)))
    assert same == said
    # What debugfs says of one that was made: blocks are counted right, and its birth is the step's.
    told = run('debugfs', '-R', 'stat etc/added', out).stdout
    assert 'Links: 1' in told and 'Size: 300000' in told
    dump = tmp_path / 'dumped'
    run('debugfs', '-R', f'dump etc/added {dump}', out)
    assert dump.read_bytes() == new.read_bytes()


def test_same_patch_same_bytes(image, tmp_path):
    new = tmp_path / 'new'
    new.write_bytes(bytes(range(251)) * 400)
    changes = [f'put:{new}:etc/added', f'put:{new}:etc/motd', 'dir:srv', 'rm:gone',
               'link:' + 'q' * 100 + ':srv/l', 'label:' + 'l' * 500 + ':srv/label']
    patch(image, tmp_path / 'one', *changes)
    time.sleep(1.1)
    patch(image, tmp_path / 'two', *changes)
    assert (tmp_path / 'one').read_bytes() == (tmp_path / 'two').read_bytes()


def test_a_patch_that_changes_nothing_changes_nothing(image, tree, tmp_path):
    for changes in ([], [f'put:{tree}/etc/motd:etc/motd', 'link:motd:etc/link', 'dir:etc']):
        assert patch(image, tmp_path / 'out', *changes).stdout == '0\n'
        assert (tmp_path / 'out').read_bytes() == image.read_bytes()


def test_removed_and_added_again(image, tmp_path):
    new = tmp_path / 'new'
    new.write_text('again\n')
    patch(image, tmp_path / 'out', 'rm:usr/lib', 'rm:etc/sysconfig/network', 'rm:etc/motd')
    clean(tmp_path / 'out')
    patch(tmp_path / 'out', tmp_path / 'again', f'put:{new}:usr/lib/sparse', f'put:{new}:etc/motd',
          f'put:{new}:etc/sysconfig/network')
    clean(tmp_path / 'again')
    there = kernel_listing(tmp_path / 'again', tmp_path / 'mnt')
    assert there['usr/lib/sparse'][6] == there['etc/motd'][6] == '6'


# --- directories --------------------------------------------------------------------------------


@pytest.mark.parametrize('options', ['^metadata_csum', 'metadata_csum'])
@pytest.mark.parametrize('indexed', [False, True])
def test_a_directory_of_5000_takes_500_more(tmp_path, options, indexed):
    tree = tmp_path / 'tree'
    (tree / 'd').mkdir(parents=True)
    (tree / 'd/first').write_text('x')
    for i in range(5000):
        os.link(tree / 'd/first', tree / f'd/{i:060d}')
    new = tmp_path / 'new'
    new.write_text('new\n')
    image = make_image(tmp_path, tree, ['-t', 'ext4', '-b', '1024', '-N', '2000', '-O', options], indexed=indexed)
    out = tmp_path / 'out'
    patch(image, out, *(f'put:{new}:d/more-{i}-{"m" * 50}' for i in range(500)))
    clean(out)
    with Mounted(out, tmp_path / 'mnt') as root:
        assert len(os.listdir(root / 'd')) == 5501
        assert all((root / f'd/more-{i}-{"m" * 50}').read_text() == 'new\n' for i in range(500))
    flags = run('debugfs', '-R', 'stat d', out).stdout
    assert ('Flags: 0x81000' in flags) == indexed, flags


@pytest.mark.parametrize('kind', ['ext2 1K', 'ext4 4K', 'ext4 1K inline'])
def test_an_empty_directory_grows(tmp_path, tree, kind):
    new = tmp_path / 'new'
    new.write_text('new\n')
    image = make_image(tmp_path, tree, KINDS[kind])
    out = tmp_path / 'out'
    patch(image, out, *(f'put:{new}:empty/a-name-{i}' for i in range(400)))
    clean(out)
    with Mounted(out, tmp_path / 'mnt') as root:
        assert len(os.listdir(root / 'empty')) == 400


# --- refused ------------------------------------------------------------------------------------


def refused(image, tmp_path, *changes):
    r = patch(image, tmp_path / 'refused', *changes, ok=False)
    assert r.returncode == 1 and not (tmp_path / 'refused').exists()
    return r.stderr


def test_full_is_said_before_anything_is_written(tmp_path, tree):
    image = make_image(tmp_path, tree, KINDS['ext4 1K inline'], size='8M')
    big = tmp_path / 'big'
    big.write_bytes(b'x' * (9 << 20))
    said = refused(image, tmp_path, f'put:{big}:etc/big')
    assert '[image-full]' in said and 'blocks of 1024 bytes are needed' in said and 'are free' in said
    many = [f'link:x:l{i}' for i in range(2000)]
    image = make_image(tmp_path, tree, [*KINDS['ext4 4K'], '-N', '256'])
    said = refused(image, tmp_path, *many)
    assert '[image-full]' in said and 'inodes are needed' in said


def test_it_can_be_filled_to_the_last_blocks(tmp_path, tree):
    image = make_image(tmp_path, tree, KINDS['ext4 4K'])
    free = int(run(TOOL, image).stdout.splitlines()[0].split()[6])
    big = tmp_path / 'big'
    big.write_bytes(os.urandom(4096 * (free - 12)))
    patch(image, tmp_path / 'out', f'put:{big}:etc/big')
    clean(tmp_path / 'out')
    # What a removal gives back is used at once.
    more = tmp_path / 'more'
    more.write_bytes(os.urandom(4096 * 30))
    assert 'image-full' in refused(tmp_path / 'out', tmp_path, f'put:{more}:more')
    patch(tmp_path / 'out', tmp_path / 'again', 'rm:usr/bin', f'put:{more}:more')
    clean(tmp_path / 'again')


@pytest.mark.parametrize('how, words', [
    (['-R', 'ssv state 0'], 'not unmounted cleanly'),
    (['-R', 'ssv state 3'], 'has errors'),
    (['-R', 'feature needs_recovery'], 'journal was not replayed'),
    (['-R', 'ssv last_orphan 12'], 'deleted while open'),
    (['-R', 'feature casefold'], "'casefold'"),
    (['-R', 'feature encrypt'], "'encrypt'"),
    (['-R', 'feature verity'], "'verity'"),
    (['-R', 'feature read-only'], "'read-only'"),
    (['-R', 'feature mmp'], "'mmp'"),
    (['-R', 'feature FEATURE_R23'], "'feature r 0x800000'"),
])
def test_what_is_not_known_to_be_safe_is_refused(tmp_path, tree, how, words):
    image = make_image(tmp_path, tree, KINDS['ext4 as of RHEL 7'], indexed=False)
    run('debugfs', '-w', *how, image)
    said = refused(image, tmp_path, 'dir:new')
    assert words in said and 'kickline image overlay' in said


def test_bigalloc_is_read_and_refused(tmp_path, tree):
    image = make_image(tmp_path, tree, ['-t', 'ext4', '-b', '1024', '-C', '16384', '-O', 'bigalloc'], size='32M')
    assert listing(image) == kernel_listing(image, tmp_path / 'mnt')
    assert "'bigalloc'" in refused(image, tmp_path, 'dir:new')


def test_a_feature_that_nobody_knows_is_not_read(tmp_path, tree):
    image = make_image(tmp_path, tree, KINDS['ext4 4K'], indexed=False)
    with open(image, 'r+b') as f:
        f.seek(1024 + 0x60)
        f.write(b'\xff\xff\xff\xff')
    r = run(TOOL, image, ok=False)
    assert r.returncode == 1 and '[image-unsupported]' in r.stderr and 'compression' in r.stderr


# --- damaged ------------------------------------------------------------------------------------


def debugfs_write(image, *requests):
    for r in requests:
        run('debugfs', '-w', '-R', r, image)


@pytest.mark.parametrize('requests, words', [
    (['sif etc mode 0100644', 'sif etc/motd mode 0100644'], None),
    (['link usr usr/lib/again'], 'is in the tree twice'),
    (['sif etc/link size 5000'], 'symbolic link'),
    (['sif etc size 99999999999'], 'size that cannot be'),
    (['sif usr/bin/tool block[IND] 0xffffff'], 'outside of the filesystem'),
    (['clri etc'], 'of no kind'),
])
def test_damage_is_named(tmp_path, tree, requests, words):
    image = make_image(tmp_path, tree, KINDS['ext2 1K'], indexed=False)
    debugfs_write(image, *requests)
    r = run(TOOL, image, ok=False)
    if words:
        assert r.returncode == 1 and words in r.stderr and 'at byte' in r.stderr, r.stderr
    else:
        assert r.returncode in (0, 1)


def test_cut_short(tmp_path, tree):
    image = make_image(tmp_path, tree, KINDS['ext4 4K'])
    os.truncate(image, 6 << 20)
    r = run(TOOL, image, ok=False)
    assert r.returncode == 1 and '[image-truncated]' in r.stderr


# --- how much is touched ------------------------------------------------------------------------


def test_few_blocks_are_dirty(tmp_path, tree):
    """Three files more and one replaced, in a filesystem of 256 MiB: 2048 blocks of squashfs."""
    image = make_image(tmp_path, tree, ['-t', 'ext4', '-b', '4096'], size='256M')
    new = tmp_path / 'new'
    new.write_text('new\n')
    said = patch(image, tmp_path / 'out', f'put:{new}:etc/motd', f'put:{new}:etc/one',
                 f'put:{new}:usr/bin/two:755', f'put:{new}:usr/lib/three/four').stdout
    clean(tmp_path / 'out')
    print('dirty blocks of 128 KiB:', said)
    assert 1 <= int(said) <= 8
