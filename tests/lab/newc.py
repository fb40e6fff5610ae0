"""cpio archives (newc) as bytes, entry by entry: for initrds that no archiver would make."""
import stat
from dataclasses import dataclass


@dataclass
class Entry:
    """A member as it is written. `kind` is a S_IF* value; a symbolic link's target is its data."""
    path: str
    kind: int
    mode: int
    data: bytes = b""
    uid: int = 0
    gid: int = 0
    mtime: int = 1_600_000_000
    links: int = 1
    inode: int = 0  # 0: a number of its own
    device: tuple = (0, 0)


def directory(path, mode=0o755, **kw):
    return Entry(path, stat.S_IFDIR, mode, **kw)


def file(path, data, mode=0o644, **kw):
    return Entry(path, stat.S_IFREG, mode, data.encode() if isinstance(data, str) else data, **kw)


def symlink(path, target, **kw):
    return Entry(path, stat.S_IFLNK, 0o777, target.encode(), **kw)


def hard_links(paths, data, inode, mode=0o644, **kw):
    """One file with several names: the data come with the last, as cpio(1) writes it."""
    return [file(p, data if p == paths[-1] else "", mode, links=len(paths), inode=inode, **kw)
            for p in paths]


def padded(data, to=4):
    return data + bytes(-len(data) % to)


def member(e, inode):
    name = e.path.encode() + b"\0"
    fields = (inode, e.kind | e.mode, e.uid, e.gid, e.links, e.mtime, len(e.data), 0, 0,
              *e.device, len(name), 0)
    return padded(b"070701" + b"".join(b"%08X" % f for f in fields) + name) + padded(e.data)


def archive(entries, trailer=True, first=1000):
    """The archive; inode numbers count from `first`."""
    out = b"".join(member(e, e.inode or first + n) for n, e in enumerate(entries))
    return out + member(Entry("TRAILER!!!", 0, 0, mtime=0), 0) if trailer else out
