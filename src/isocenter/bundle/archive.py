"""A zip whose every byte is vouched for.

Layout: members in a fixed order with fixed times and attributes, `manifest.json` first: the
format's version and the SHA-256 of every other member. The zip's comment is the SHA-256 of all
bytes before it, so that damage is found wherever it strikes, in the zip's own structure too.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isocenter.errors import DamagedBundle, IsocenterError, MissingPath, OtherVersion, UnreadableFile, UsageError

FORMAT, VERSION = "isocenter bundle", 1
MANIFEST = "manifest.json"
LARGEST = 4 * 2**30  # bytes, of the file and of all members together
SUSPICIOUS = 256 * 2**20  # bytes: below, no ratio is refused
RATIO = 200
_DIGEST = 64  # length of a SHA-256 in hexadecimal
_KINDS = {  # by a member that the other has not
    "clustering.json": (
        "a clustering",
        "a model",
        "Place new cases in its clusters: isocenter predict FILE INPUT, or isocenter.place(file, input) in Python.",
    ),
    "card.json": (
        "a model",
        "a clustering",
        "Predict new cases with it: isocenter predict FILE INPUT, or isocenter.predict(file, input) in Python.",
    ),
}
_AGAIN = "Copy the file again from where it was made, or fit the model again."


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(content: bytes) -> str:
    """Digest in 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def zipped(members: Mapping[str, bytes], *, level: int | None, comment: bytes = b"") -> bytes:
    """A zip in the order given; level None stores without compression, 1 to 9 deflates."""
    buffer = io.BytesIO()
    method = zipfile.ZIP_STORED if level is None else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w", method, compresslevel=level) as archive:
        archive.comment = comment
        for name, content in members.items():
            archive.writestr(_entry(name), content, method, level)
    return buffer.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system, entry.external_attr = 3, 0o644 << 16  # alike on every system
    return entry


def pack(members: Mapping[str, bytes]) -> bytes:
    """The bundle that holds these members."""
    manifest = {"format": FORMAT, "version": VERSION, "members": {n: sha256(c) for n, c in members.items()}}
    content = zipped({MANIFEST: canonical(manifest), **members}, level=1, comment=b"0" * _DIGEST)
    body = content[:-_DIGEST]
    return body + sha256(body).encode()


def read(path: Path) -> bytes:
    """The file's bytes, read once: what is checked is what is parsed."""
    if not path.is_file():
        raise MissingPath(f"There is no model at {path}.", "Give the path of an .iso file.")
    try:
        with path.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as fault:
        raise UnreadableFile(f"{path} cannot be read: {fault.strerror}.", "Check its permissions and disk.") from fault
    if len(content) > LARGEST:
        raise DamagedBundle(f"{path.name} is larger than any model may be (4 GiB).", _AGAIN)
    return content


def unpack(content: bytes, expected: frozenset[str], name: str = "The file") -> dict[str, bytes]:
    """The members of a bundle, every digest checked; DamagedBundle, OtherVersion (a newer one), UsageError (of another
    kind: a clustering where a model is wanted).
    """
    if content[:4] != b"PK\x03\x04":
        raise DamagedBundle(f"{name} is not a model bundle (.iso).", "Give a file that isocenter saved.")
    if sha256(content[:-_DIGEST]).encode() != content[-_DIGEST:]:
        raise DamagedBundle(f"{name} is damaged: its bytes do not have the SHA-256 it was saved with.", _AGAIN)
    with refusing(name), zipfile.ZipFile(io.BytesIO(content)) as archive:
        if MANIFEST not in archive.namelist():
            raise DamagedBundle(f"{name} has no {MANIFEST}.", _AGAIN)
        _check_sizes(archive, len(content), name)
        manifest = _manifest(archive.read(MANIFEST), name)
        _check_names(archive.namelist(), manifest, expected, name)
        members = {member: archive.read(member) for member in manifest}
    for member, digest in manifest.items():
        if sha256(members[member]) != digest:
            raise DamagedBundle(f"{name} is damaged: {member} does not have the SHA-256 of the manifest.", _AGAIN)
    return members


def _check_sizes(archive: zipfile.ZipFile, compressed: int, name: str) -> None:
    total = sum(entry.file_size for entry in archive.infolist())
    if total > LARGEST or (total > SUSPICIOUS and total > RATIO * compressed):
        raise DamagedBundle(f"{name} would unpack to {total / 2**20:.0f} MiB: too much for a model.", _AGAIN)


def _check_names(found: list[str], manifest: dict[str, str], expected: frozenset[str], name: str) -> None:
    for member, (what, wanted, remedy) in _KINDS.items():
        if member in manifest and member not in expected:
            raise UsageError(f"{name} is {what}, not {wanted}: the file is whole.", remedy)
    if sorted(found) != sorted({MANIFEST, *manifest}) or set(manifest) != expected:
        listed = ", ".join(sorted(repr(n) for n in set(found) ^ {MANIFEST, *expected})) or "one of them twice"
        raise DamagedBundle(f"{name} does not hold exactly the members of a model: {listed}.", _AGAIN)


def _manifest(content: bytes, name: str) -> dict[str, str]:
    manifest: Any = json.loads(content)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise DamagedBundle(f"{name} has a manifest of something else.", _AGAIN)
    if manifest.get("version") != VERSION:
        raise OtherVersion(
            f"{name} was written in version {manifest.get('version')} of the bundle format; this is version {VERSION}.",
            "Use the version of isocenter that made it, or fit the model again.",
        )
    return {str(member): str(digest) for member, digest in dict(manifest["members"]).items()}


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Whatever goes wrong on hostile or damaged content is a DamagedBundle, and says where."""
    try:
        yield
    except IsocenterError:
        raise
    except Exception as fault:  # hostile bytes find every exception there is; the cause is kept
        raise DamagedBundle(f"{name} cannot be read: {type(fault).__name__}: {fault}.", _AGAIN) from fault
