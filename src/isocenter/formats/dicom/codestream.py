"""The size that a compressed frame says of itself, compared with the header's before decoding.

A codestream of 65500 x 65500 behind a header of 100 x 100 would take gigabytes. Sources: ITU-T
T.81 annex B (JPEG), T.87 (JPEG-LS), T.800 annex A (JPEG 2000).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isocenter.errors import UnreadableFile
from isocenter.formats.dicom.headers import Header
from isocenter.formats.limits import reading

_FRAME_STARTS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # SOF of JPEG, and JPEG-LS
_JPEG, _JPEG_2000 = b"\xff\xd8", b"\xff\x4f"
_RLE = "1.2.840.10008.1.2.5"


def check_codestream(dataset: Any, header: Header) -> None:
    """UnreadableFile if a compressed frame's own rows, columns or samples exceed the header's."""
    path = Path(header.path)
    with reading(path, "DICOM file"):
        compressed = dataset.file_meta.TransferSyntaxUID.is_encapsulated if header.syntax else False
        pixels = dataset.PixelData if compressed and header.syntax != _RLE else None
    if pixels is None:
        return
    for frame in _frames(path, pixels, header.frames):
        size = _declared(frame)
        if size is not None and (size[0] > header.rows or size[1] > header.columns or size[2] > header.samples):
            raise UnreadableFile(
                f"{path} is damaged: its header says {header.rows} x {header.columns} pixels of {header.samples}, its "
                f"compressed data {size[0]} x {size[1]} of {size[2]}.",
                "Export it again.",
            )


def _frames(path: Path, pixels: bytes, count: int) -> Iterator[bytes]:
    from pydicom.encaps import generate_frames

    with reading(path, "DICOM image"):
        frames = generate_frames(pixels, number_of_frames=count)
    for _ in range(count):
        with reading(path, "DICOM image"):
            frame = next(frames, None)
        if frame is None:
            return
        yield frame


def _declared(frame: bytes) -> tuple[int, int, int] | None:
    """(rows, columns, samples) that a JPEG, JPEG-LS or JPEG 2000 codestream begins with; None if it does not say."""
    if frame[:2] == _JPEG_2000:  # SIZ follows at once: Xsiz, Ysiz from byte 8, offsets from 16, Csiz at 40
        at = [int.from_bytes(frame[i : i + 4], "big") for i in (8, 12, 16, 20)]
        return at[1] - at[3], at[0] - at[2], int.from_bytes(frame[40:42], "big")
    position = 2 if frame[:2] == _JPEG else len(frame)
    while position + 10 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker in _FRAME_STARTS:
            rows, columns = (int.from_bytes(frame[position + i : position + i + 2], "big") for i in (5, 7))
            return rows, columns, frame[position + 9]
        skip = marker == 0xFF or 0xD0 <= marker <= 0xD9
        position += (
            1 if marker == 0xFF else 2 if skip else 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
        )
    return None
