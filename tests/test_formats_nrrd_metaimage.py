"""NRRD and MetaImage: voxels and place as SimpleITK reads them, and files that lie."""

from __future__ import annotations

import gzip
import itertools
import zlib
from pathlib import Path

import numpy as np
import pytest

from isocenter import formats
from isocenter.case import Source
from isocenter.errors import BadGeometry, IsocenterError, UnknownFormat, UnreadableFile, UnsafeFile
from isocenter.image import Image
from isocenter.ingest.files import scan

VOXELS = np.arange(60, dtype="<i2").reshape(3, 4, 5)  # slices, rows, columns
NRRD = {
    "type": "short", "dimension": "3", "space": "left-posterior-superior", "sizes": "5 4 3", "endian": "little",
    "space directions": "(0,2,0) (-1,0,0) (0,0,3)", "space origin": "(10,20,30)", "encoding": "raw",
}  # fmt: skip
META = {
    "ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": "False", "CompressedData": "False",
    "TransformMatrix": "0 1 0 -1 0 0 0 0 1", "Offset": "10 20 30", "ElementSpacing": "2 1 3", "DimSize": "5 4 3",
    "ElementType": "MET_SHORT",
}  # fmt: skip
PLACE = np.array([[0, -1, 0, 10], [0, 0, 2, 20], [3, 0, 0, 30], [0, 0, 0, 1]])


def nrrd(path: Path, content: bytes = VOXELS.tobytes(), **fields: str) -> Path:
    told = {**NRRD, **{name.replace("_", " "): text for name, text in fields.items()}}
    lines = ["NRRD0004", "# a comment", *(f"{name}: {text}" for name, text in told.items() if text), "key:=value"]
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + content)
    return path


def meta(path: Path, content: bytes = VOXELS.tobytes(), data: str = "LOCAL", **fields: str) -> Path:
    told = {**META, **fields, "ElementDataFile": data}
    path.write_bytes("".join(f"{name} = {text}\n" for name, text in told.items() if text).encode() + content)
    return path


def read(path: Path) -> Image:
    return formats.read_image(Source("image", "image", (str(path),)))


def same(image: Image) -> None:
    assert np.array_equal(image.array[0], VOXELS)
    assert np.allclose(image.geometry.affine, PLACE) and image.geometry.calibrated


def test_voxels_and_place(tmp_path: Path) -> None:
    same(read(nrrd(tmp_path / "a.nrrd")))
    same(read(nrrd(tmp_path / "b.nrrd", gzip.compress(VOXELS.tobytes()), encoding="gzip")))
    same(read(nrrd(tmp_path / "c.nrrd", VOXELS.astype(">i2").tobytes(), endian="big")))
    turned = {"space": "RAS", "space_directions": "(0,-2,0) (1,0,0) (0,0,3)", "space_origin": "(-10,-20,30)"}
    same(read(nrrd(tmp_path / "d.nrrd", **turned)))
    same(read(nrrd(tmp_path / "e.nrrd", b"skipped" + VOXELS.tobytes(), byte_skip="7")))
    same(read(nrrd(tmp_path / "f.nrrd", b"skipped" + VOXELS.tobytes(), byte_skip="-1")))
    same(read(meta(tmp_path / "a.mha")))
    same(read(meta(tmp_path / "b.mha", zlib.compress(VOXELS.tobytes()), CompressedData="True")))
    same(read(meta(tmp_path / "c.mha", VOXELS.astype(">i2").tobytes(), BinaryDataByteOrderMSB="True")))


def test_a_header_with_its_voxels_beside_it(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(VOXELS.tobytes())
    for path in (nrrd(tmp_path / "a.nhdr", b"", data_file="x.raw"), meta(tmp_path / "a.mhd", b"", "x.raw")):
        same(read(path))
        source = Source("image", "image", (str(path),))
        before = formats.digest(source)
        (tmp_path / "x.raw").write_bytes(VOXELS.tobytes()[::-1])
        assert formats.digest(source) != before  # the voxels count, not the header alone
        (tmp_path / "x.raw").write_bytes(VOXELS.tobytes())


def test_pictures_colours_and_channels(tmp_path: Path) -> None:
    flat = read(
        nrrd(
            tmp_path / "a.nrrd",
            dimension="2",
            sizes="5 12",
            space="",
            space_directions="",
            space_origin="",
            spacings="0.5 0.7",
        )
    )
    assert flat.array.shape == (1, 1, 12, 5) and flat.geometry.spacing == pytest.approx((1, 0.7, 0.5))
    bare = read(nrrd(tmp_path / "b.nrrd", space="", space_directions="", space_origin=""))
    assert not bare.geometry.calibrated
    first = read(
        nrrd(tmp_path / "c.nrrd", dimension="4", sizes="3 5 4 1", space_directions="none (1,0,0) (0,1,0) (0,0,1)")
    )
    assert first.array.shape == (3, 1, 4, 5) and first.array[1, 0, 0, 1] == 4
    last = read(
        nrrd(tmp_path / "d.nrrd", dimension="4", sizes="5 4 1 3", space_directions="(1,0,0) (0,1,0) (0,0,1) none")
    )
    assert last.array[1, 0, 0, 1] == 21
    both = read(meta(tmp_path / "a.mha", DimSize="5 4 1", ElementNumberOfChannels="3"))
    assert np.array_equal(both.array, first.array)
    masked = formats.read_mask(Source("mask", "mask", (str(nrrd(tmp_path / "m.nrrd")),)))
    assert masked.labels.shape == (3, 4, 5)


def test_a_folder_of_them_is_indexed(tmp_path: Path) -> None:
    nrrd(tmp_path / "a.nrrd")
    meta(tmp_path / "b.mha")
    (tmp_path / "x.raw").write_bytes(VOXELS.tobytes())
    meta(tmp_path / "c.mhd", b"", "x.raw")
    found = scan(tmp_path)
    assert [item.case_id for item in found.items] == ["a", "b", "c"] and found.ignored == ["x.raw"]


HOSTILE_NRRD = {
    "cut short": ({}, VOXELS.tobytes()[:-1], UnreadableFile),
    "nothing there": ({}, b"", UnreadableFile),
    "huge": ({"sizes": "1000000 1000000 1000000"}, b"", UnreadableFile),
    "overflowing": ({"sizes": "4294967296 4294967296 4294967296"}, b"", UnreadableFile),
    "negative": ({"sizes": "-5 4 3"}, b"", UnreadableFile),
    "no voxels": ({"sizes": "0 4 3"}, b"", UnreadableFile),
    "fewer sizes": ({"sizes": "5 4"}, b"", UnreadableFile),
    "words": ({"sizes": "a b c"}, b"", UnreadableFile),
    "not a number": ({"space_origin": "(nan,0,0)"}, VOXELS.tobytes(), BadGeometry),
    "flat": ({"space_directions": "(1,0,0) (1,0,0) (0,0,1)"}, VOXELS.tobytes(), BadGeometry),
    "blocks": ({"type": "block"}, VOXELS.tobytes(), UnknownFormat),
    "text": ({"encoding": "ascii"}, b"1 2 3", UnknownFormat),
    "times": ({"dimension": "4", "sizes": "5 4 3 100", "space_directions": "(1,0,0) (0,1,0) (0,0,1) none"}, b"", UnknownFormat),
    "dimensions": ({"dimension": "99"}, b"", UnknownFormat),
    "up": ({"data_file": "../x.raw"}, b"", UnsafeFile),
    "absolute": ({"data_file": "/etc/passwd"}, b"", UnsafeFile),
    "linked": ({"data_file": "link.raw"}, b"", UnsafeFile),
    "windows": ({"data_file": "..\\x.raw"}, b"", UnsafeFile),
    "pattern": ({"data_file": "%03d.raw 1 3 1"}, b"", UnknownFormat),
    "list": ({"data_file": "LIST"}, b"", UnknownFormat),
    "torn gzip": ({"encoding": "gzip"}, gzip.compress(VOXELS.tobytes())[:-9], UnreadableFile),
    "wrong sum": ({"encoding": "gzip"}, gzip.compress(VOXELS.tobytes())[:-8] + b"\0" * 8, UnreadableFile),
    "bomb": ({"encoding": "gzip", "sizes": "2000 2000 2000"}, gzip.compress(bytes(10**6)), UnreadableFile),
    "skip": ({"byte_skip": "-7"}, VOXELS.tobytes(), UnreadableFile),
}  # fmt: skip
HOSTILE_META = {
    "cut short": ({}, VOXELS.tobytes()[:-1], "LOCAL", UnreadableFile),
    "huge": ({"DimSize": "1000000 1000000 1000000"}, b"", "LOCAL", UnreadableFile),
    "negative": ({"DimSize": "-5 4 3"}, b"", "LOCAL", UnreadableFile),
    "infinite": ({"DimSize": "inf 4 3"}, b"", "LOCAL", UnreadableFile),
    "no sizes": ({"DimSize": ""}, b"", "LOCAL", UnreadableFile),
    "flat": ({"ElementSpacing": "0 1 1"}, VOXELS.tobytes(), "LOCAL", BadGeometry),
    "type": ({"ElementType": "MET_OTHER"}, VOXELS.tobytes(), "LOCAL", UnknownFormat),
    "text": ({"BinaryData": "False"}, b"1 2", "LOCAL", UnknownFormat),
    "up": ({}, b"", "../x.raw", UnsafeFile),
    "absolute": ({}, b"", "/etc/passwd", UnsafeFile),
    "linked": ({}, b"", "link.raw", UnsafeFile),
    "pattern": ({}, b"", "%03d.raw 1 3 1", UnknownFormat),
    "torn zlib": ({"CompressedData": "True"}, zlib.compress(VOXELS.tobytes())[:-9], "LOCAL", UnreadableFile),
    "wrong sum": ({"CompressedData": "True"}, zlib.compress(VOXELS.tobytes())[:-4] + b"1234", "LOCAL", UnreadableFile),
    "no zlib": ({"CompressedData": "True"}, VOXELS.tobytes(), "LOCAL", UnreadableFile),
    "skip": ({"HeaderSize": "1e9"}, VOXELS.tobytes(), "LOCAL", UnreadableFile),
    "channels": ({"ElementNumberOfChannels": "900"}, VOXELS.tobytes(), "LOCAL", UnknownFormat),
}  # fmt: skip


@pytest.mark.parametrize("fields, content, fault", HOSTILE_NRRD.values(), ids=HOSTILE_NRRD)
def test_a_nrrd_that_lies(fields: dict[str, str], content: bytes, fault: type[IsocenterError], tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(VOXELS.tobytes())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.raw").symlink_to(tmp_path / "x.raw")
    with pytest.raises(fault):
        read(nrrd(tmp_path / "in" / "a.nrrd", content, **fields))


@pytest.mark.parametrize("fields, content, data, fault", HOSTILE_META.values(), ids=HOSTILE_META)
def test_a_metaimage_that_lies(
    fields: dict[str, str], content: bytes, data: str, fault: type[IsocenterError], tmp_path: Path
) -> None:
    (tmp_path / "x.raw").write_bytes(VOXELS.tobytes())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.raw").symlink_to(tmp_path / "x.raw")
    with pytest.raises(fault):
        read(meta(tmp_path / "in" / "a.mha", content, data, **fields))


def test_any_damage_is_a_fault_by_name(tmp_path: Path) -> None:
    """Bytes changed, cut and inserted at random: read, or refused by name; never another exception."""
    rng = np.random.default_rng(0)
    whole = [nrrd(tmp_path / "a.nrrd", gzip.compress(VOXELS.tobytes()), encoding="gzip"), meta(tmp_path / "b.mha")]
    for path, _ in itertools.product(whole, range(400)):
        content = bytearray(path.read_bytes())
        for at in rng.integers(0, len(content), 3):
            content[at] = rng.integers(0, 256)
        torn = tmp_path / f"torn{path.suffix}"
        torn.write_bytes(content[: rng.integers(1, len(content) + 1)] if rng.random() < 0.3 else content)
        try:
            formats.digest(Source("image", "image", (str(torn),)))
            read(torn)
        except IsocenterError:
            pass


def test_as_simpleitk_reads_them(tmp_path: Path, shared_data: Path) -> None:
    """Every type, oblique directions, compressed or not; and the real files there are, NIfTI too."""
    itk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    rng = np.random.default_rng(0)
    files = [
        *sorted((shared_data / "pyradiomics").rglob("*.nrrd")),
        *sorted((shared_data / "sts_radiomics").rglob("STS_00*/*.nii.gz")),
    ]
    kinds = (
        itk.sitkUInt8,
        itk.sitkInt8,
        itk.sitkInt16,
        itk.sitkUInt16,
        itk.sitkInt32,
        itk.sitkFloat32,
        itk.sitkFloat64,
    )
    for kind, ending, packed in itertools.product(kinds, ("nrrd", "nhdr", "mha", "mhd", "nii.gz"), (True, False)):
        image = itk.Cast(itk.GetImageFromArray(rng.integers(0, 100, (5, 6, 7)).astype(np.int32)), kind)
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        image.SetDirection((turn * np.linalg.det(turn)).ravel())
        image.SetSpacing((0.7, 1.3, 2.5))
        image.SetOrigin((10, -20, 30.5))
        files.append(tmp_path / f"{kind}-{packed}.{ending}")
        itk.WriteImage(image, str(files[-1]), useCompression=packed)
    for file in files:
        image, ours = itk.ReadImage(str(file)), read(file)
        assert np.array_equal(ours.array[0], itk.GetArrayFromImage(image)), file
        axes = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
        assert np.allclose(ours.geometry.affine[:3, :3], axes[:, ::-1], atol=1e-4), file
        assert np.allclose(ours.geometry.affine[:3, 3], image.GetOrigin(), atol=1e-3), file
