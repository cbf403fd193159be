"""A saved plan as one artifact: the plan file and the provider lock file it was made with."""

import gzip
import io
import tarfile
import zlib
from pathlib import Path

from workers.errors import JobFailed
from workers.protocol.results import FailureKind

PLAN = "plan.tfplan"
LOCK_FILE = ".terraform.lock.hcl"
_LARGEST = 512 * 1024 * 1024


def pack(plan: Path, folder: Path) -> bytes:
    """Put a plan and its lock file together; the same files always give the same bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=3) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, file in ((PLAN, plan), (LOCK_FILE, folder / LOCK_FILE)):
            if file.is_file():
                info = tarfile.TarInfo(name)
                content = file.read_bytes()
                info.size, info.mode = len(content), 0o600
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def unpack(content: bytes, *, plan: Path, folder: Path) -> None:
    """Put a plan and its lock file in their places; nothing else in the archive is looked at.

    Raises:
        JobFailed: it is not one of our archives.
    """
    places = {PLAN: plan, LOCK_FILE: folder / LOCK_FILE}
    seen = set()
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for member in archive:
                target = places.get(member.name)
                file = archive.extractfile(member) if member.isfile() and member.size <= _LARGEST else None
                if target is not None and file is not None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.unlink(missing_ok=True)  # never through a link that the repository put there
                    target.write_bytes(file.read())
                    seen.add(member.name)
    except (tarfile.TarError, zlib.error, OSError, EOFError) as error:
        raise JobFailed(FailureKind.STALE, "The saved plan cannot be read. Plan again.") from error
    if PLAN not in seen:
        raise JobFailed(FailureKind.STALE, "The saved plan is incomplete. Plan again.")
