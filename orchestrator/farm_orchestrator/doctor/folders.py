"""A folder of this machine, or the place where it will be made."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/mounts")
# SQLite's locks and shared memory do not reach over these.
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs"}


@dataclass(frozen=True)
class Folder:
    """`stands`: what exists of it, itself or the nearest above; `filesystem` None where the system does not say."""

    path: Path
    stands: Path
    is_folder: bool
    writable: bool
    free: int
    filesystem: str | None

    @property
    def made(self) -> bool:
        return self.stands == self.path


def look(path: Path) -> Folder:
    """Writes nothing."""
    stands = next(place for place in (path, *path.parents) if os.path.lexists(place))
    free = shutil.disk_usage(stands).free
    return Folder(path, stands, stands.is_dir(), os.access(stands, os.W_OK | os.X_OK), free, filesystem(stands))


def filesystem(path: Path) -> str | None:
    """The type of the file system of the longest mount point above `path`; the last mount there hides those before."""
    try:
        lines = MOUNTS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    place = path.resolve()
    found = [(Path(line.split()[1].replace("\\040", " ")), line.split()[2]) for line in lines]
    above = [
        (len(mount.parts), number, kind) for number, (mount, kind) in enumerate(found) if place.is_relative_to(mount)
    ]
    return max(above)[2] if above else None
