"""What a phantom patient's scan looks like: Hounsfield units on the scanner's grid, and the lesion's mask.

A thorax from simple solids: body, fat, ribs, spine, sternum, lungs with vessels, heart, aorta,
trachea and the dome of the liver. Everything is laid out in LPS millimetres around the middle of
the scan (x to the Left, y Posterior, z Superior) and mixed in by the share of a voxel it covers,
so that edges look as they do through a scanner. Random streams are kept apart by purpose:
another lesion in the same patient leaves anatomy and noise as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isocenter.datasets.patients import Patient, Scanner

Field = NDArray[np.float32]
Height = float | NDArray[np.floating]  # of one slice, or of all (D, 1, 1)

AIR, LUNG, FAT, BLOOD, MUSCLE, LIVER, DISC, SPONGY_BONE, BONE = -1000, -860, -105, 42, 52, 60, 85, 210, 480  # HU
_ANATOMY, _GRAIN_OF_LUNG, _VESSELS, _FORM, _TEXTURE, _NOISE = range(6)  # random streams of a patient
_SPIKES, _SHARPNESS = 10, 14.0  # how many, and how narrow
_GRAIN = 3.0  # of the texture inside the lesion, mm
_COMMON_REACH = 18.0  # of a lesion from its centre, mm
_FINE = 2  # the lesion is drawn on a grid this much finer, then averaged


class Build(NamedTuple):
    """A patient's proportions. body: half width and half depth; lung: the same of each lung; mm."""

    body: tuple[float, float]
    fat: float
    lung: tuple[float, float]
    lung_x: float
    lung_y: float
    heart: float
    dome: float
    rib_phase: float
    origin: tuple[float, float, float]


class Grid(NamedTuple):
    """Coordinates of voxel centres in mm: z (D, 1, 1), y (1, H, 1), x (1, 1, W)."""

    z: Field
    y: Field
    x: Field

    @property
    def pixel(self) -> float:
        return float(self.x[0, 0, 1] - self.x[0, 0, 0])


def build_of(patient: Patient) -> Build:
    """Men are larger, the old have less fat; the rest is the patient's own chance."""
    rng = _stream(patient, _ANATOMY)
    size = (1.0 if patient.sex == "M" else 0.93) * float(np.clip(rng.normal(1.0, 0.03), 0.93, 1.04))
    fat = float(np.clip(rng.normal(11.0, 3.0) - 0.1 * (patient.age - 60), 5.0, 18.0))
    origin = rng.uniform((-15.0, -180.0, -400.0), (15.0, -140.0, -200.0)).round(1)
    return Build(
        body=(142 * size, 100 * size),
        fat=fat,
        lung=(47 * size, (78 - 0.4 * fat) * size),
        lung_x=66 * size,
        lung_y=-4.0,
        heart=float(rng.normal(1.0, 0.06)) * size,
        dome=float(rng.uniform(22, 34)),
        rib_phase=float(rng.uniform(0, 2 * np.pi)),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
    )


def affine_of(patient: Patient) -> NDArray[np.float64]:
    """4 x 4, (slice, row, column, 1) to LPS millimetres: where the scan lies in the scanner's room."""
    spacing, shape = np.array(patient.scanner.spacing), np.array(patient.scanner.shape)
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = spacing
    corner = -0.5 * (shape - 1) * spacing  # of the middle of the first voxel; slice, row, column
    affine[:3, 3] = np.round(build_of(patient).origin + corner[::-1], 4)
    affine[3, 3] = 1.0
    return affine


def lesion_centre(patient: Patient) -> tuple[float, float, float]:
    """(x, y, z) of the lesion's centre in LPS millimetres, in the room of `affine_of`."""
    build = build_of(patient)
    x, y, z = _centre(patient, build)
    return x + build.origin[0], y + build.origin[1], z + build.origin[2]


def render(patient: Patient) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """The scan in HU and the lesion's mask (1 inside), both (slices, rows, columns).

    Slices from the feet up, rows from front to back, columns from the patient's right to left.
    """
    build, scanner = build_of(patient), patient.scanner
    grid = _grid(scanner)
    volume = _body(build, grid)
    lungs = _lungs(volume, patient, build, grid)
    _bones(volume, build, grid)
    _vessels(volume, patient, build, grid, lungs)
    mask = _lesion(volume, patient, build, grid)
    seen = _imaged(volume, _stream(patient, _NOISE), scanner)
    return seen, mask


def _stream(patient: Patient, purpose: int) -> np.random.Generator:
    return np.random.default_rng([*patient.key, purpose])


def _grid(scanner: Scanner) -> Grid:
    axes = [
        ((np.arange(n) - (n - 1) / 2) * step).astype(np.float32)
        for n, step in zip(scanner.shape, scanner.spacing, strict=True)
    ]
    return Grid(axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :])


def _mix(volume: Field, share: Field, hounsfield: float | Field) -> None:
    """Fill `share` (0..1) of every voxel with `hounsfield`, in place."""
    volume += share * (hounsfield - volume)


def _ellipse(grid: Grid, x: float | Field, y: float, a: Height, b: Height) -> Field:
    """Share of each voxel inside the upright elliptic cylinder around (x, y); arguments may vary with z."""
    radius = np.sqrt(((grid.x - x) / a) ** 2 + ((grid.y - y) / b) ** 2)
    return np.clip(0.5 + (1 - radius) * np.minimum(a, b) / grid.pixel, 0, 1).astype(np.float32)


def _body(build: Build, grid: Grid) -> Field:
    """Air, skin and fat, muscle: (D, H, W) HU."""
    a, b = build.body
    volume = np.full(np.broadcast_shapes(*(axis.shape for axis in grid)), AIR, dtype=np.float32)
    _mix(volume, _ellipse(grid, 0, 0, a, b), 20)  # skin
    _mix(volume, _ellipse(grid, 0, 0, a - 2.5, b - 2.5), FAT)
    _mix(volume, _ellipse(grid, 0, 0, a - build.fat - 3, b - build.fat - 1), MUSCLE)
    return volume


def _lung_axes(build: Build, z: Height) -> tuple[Height, Height]:
    """Half width and half depth of a lung at height z: it narrows towards the apex."""
    share = np.sqrt(np.clip(1 - (np.clip(z + 15, 0, None) / 110) ** 2, 0.05, 1))
    return build.lung[0] * share, build.lung[1] * share


def _chest_axes(build: Build) -> tuple[float, float]:
    """Half width and half depth of the inside of the rib cage, around (0, lung_y)."""
    return build.lung_x + build.lung[0], build.lung[1] + 4


def _heart(build: Build, z: Height) -> tuple[float, float, Height, Height]:
    """The heart's ellipse at height z: x, y, half width and half depth."""
    wide = build.heart * np.sqrt(np.clip(1 - ((z + 25) / 62) ** 2, 1e-3, 1))
    return 12 * build.heart, -24.0, 44 * wide, 35 * wide


def _lungs(volume: Field, patient: Patient, build: Build, grid: Grid) -> Field:
    """Both lungs, less heart and liver; returns the share of each voxel that is lung."""
    both = [_ellipse(grid, side * build.lung_x, build.lung_y, *_lung_axes(build, grid.z)) for side in (-1, 1)]
    lungs = (both[0] + both[1]) * _ellipse(grid, 0, build.lung_y, *_chest_axes(build))
    # The liver's dome pushes the right lung up; the spleen's, lower, the left.
    for side, height in ((-1, build.dome), (1, build.dome - 12)):
        deep = np.clip(grid.z.min() + height - grid.z, 1e-3, None) / height
        dome = lungs * _ellipse(grid, side * (build.lung_x - 8), 0, 58 * deep**0.6, 85 * deep**0.6)
        _mix(volume, dome, LIVER)
        lungs = lungs - dome
    lungs *= 1 - _ellipse(grid, *_heart(build, grid.z))
    rng = _stream(patient, _GRAIN_OF_LUNG)
    grain = ndimage.gaussian_filter(rng.standard_normal(volume.shape, dtype=np.float32), (0.5, 1, 1))
    dependent = 25 * grid.y / build.lung[1]  # the back of the lungs is denser: the patient lies on it
    emphysema = -0.6 * (patient.age - 60)
    _mix(volume, lungs, LUNG + emphysema + dependent + 60 * grain)
    return lungs


def _bones(volume: Field, build: Build, grid: Grid) -> None:
    """Spine, sternum, ribs and, between them, trachea and aorta."""
    back = build.body[1] - build.fat - 34
    _mix(volume, _ellipse(grid, 0, back - 2, 17, 14), BONE)
    level = (grid.z + 200) % 27  # a vertebra every 27 mm, the last 6 of them disc
    marrow = np.where(level < 6, DISC, SPONGY_BONE).astype(np.float32)
    _mix(volume, _ellipse(grid, 0, back - 2, 14.5, 11.5), marrow)
    _mix(volume, _ellipse(grid, 0, back + 19, 19, 5), BONE * 0.7)  # laminae
    _mix(volume, _ellipse(grid, 0, back + 25, 4, 9), BONE * 0.7)  # spinous process
    _mix(volume, _ellipse(grid, 0, back + 15, 8, 6), 25)  # canal
    front = -(build.body[1] - build.fat - 9)
    _mix(volume, _ellipse(grid, 0, front, 18, 5), SPONGY_BONE)
    _ribs(volume, build, grid)
    _mix(volume, _ellipse(grid, 20, back - 24, 11, 11), BLOOD)
    fork = np.clip(12 - grid.z, 0, 40)  # below the carina the trachea is two bronchi
    for side in (-1, 1):
        radius = np.where(fork > 30, 1e-3, np.where(fork > 0, 6.0, 8.0)).astype(np.float32)
        _mix(volume, _ellipse(grid, side * 0.9 * fork, 2, radius, radius), AIR)


def _ribs(volume: Field, build: Build, grid: Grid) -> None:
    """Oblique bands of bone in the chest wall: each slice cuts several."""
    a, b = (inside + 6 for inside in _chest_axes(build))
    radius = np.sqrt((grid.x / a) ** 2 + ((grid.y - build.lung_y) / b) ** 2)
    shell = np.clip(0.5 + (4.5 - np.abs(radius - 1) * 0.5 * (a + b)) / grid.pixel, 0, 1)
    round_the_chest = np.arctan2(np.abs(grid.x), grid.y)  # 0 at the spine, pi at the sternum
    band = np.sin(2 * np.pi * grid.z / 26 + 9 * round_the_chest + build.rib_phase)
    _mix(volume, (shell * np.clip((band - 0.25) * 4, 0, 1)).astype(np.float32), BONE * 0.8)


def _vessels(volume: Field, patient: Patient, build: Build, grid: Grid, lungs: Field) -> None:
    """Branches from each hilum outwards, thinner with every step."""
    rng = _stream(patient, _VESSELS)
    for side in (-1, 1):
        hilum = np.array([side * (build.lung_x - build.lung[0] + 6), 5.0, -5.0])
        for _ in range(7):
            outward = np.array([side * 1.0, rng.normal(0, 0.9), rng.normal(0, 0.7)])
            _branch(volume, grid, lungs, rng, hilum, outward / np.linalg.norm(outward), 3.2)


def _branch(
    volume: Field, grid: Grid, lungs: Field, rng: np.random.Generator, start: NDArray[np.float64],
    direction: NDArray[np.float64], radius: float,
) -> None:  # fmt: skip
    if radius < 1.0:
        return
    end = start + direction * rng.uniform(18, 30)
    _capsule(volume, grid, lungs, start, end, radius)
    for _ in range(2):
        turned = direction + rng.normal(0, 0.45, 3)
        _branch(volume, grid, lungs, rng, end, turned / np.linalg.norm(turned), radius * rng.uniform(0.55, 0.8))


def _capsule(
    volume: Field, grid: Grid, lungs: Field, start: NDArray[np.float64], end: NDArray[np.float64], radius: float
) -> None:
    """A rod of blood between two points, where there is lung."""
    box, (z, y, x) = _around(grid, np.minimum(start, end) - radius - 3, np.maximum(start, end) + radius + 3)
    if 0 in volume[box].shape:
        return
    along = (end - start) / np.linalg.norm(end - start)
    dx, dy, dz = x - start[0], y - start[1], z - start[2]
    t = np.clip(dx * along[0] + dy * along[1] + dz * along[2], 0, np.linalg.norm(end - start))
    apart = np.sqrt((dx - t * along[0]) ** 2 + (dy - t * along[1]) ** 2 + (dz - t * along[2]) ** 2)
    share = np.clip(0.5 + (radius - apart) / grid.pixel, 0, 1) * min(1.0, radius / 1.8)
    _mix(volume[box], (share * lungs[box]).astype(np.float32), BLOOD)


def _around(
    grid: Grid, low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[tuple[slice, slice, slice], tuple[Field, Field, Field]]:
    """The box of voxels between two corners (x, y, z): its slices, and its (z, y, x) coordinates."""
    cut = []
    for axis, a, b in zip(grid, low[::-1], high[::-1], strict=True):
        first, last = np.searchsorted(axis.ravel(), (a, b))
        cut.append(slice(int(first), int(last)))
    box = (cut[0], cut[1], cut[2])
    return box, (grid.z[box[0]], grid.y[:, box[1]], grid.x[:, :, box[2]])


def _directions(n: int) -> NDArray[np.float64]:
    """(n, 3) unit vectors spread evenly over the sphere: a Fibonacci spiral."""
    z = 1 - (2 * np.arange(n) + 1) / n
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(n)
    around = np.sqrt(1 - z**2)
    return np.stack([around * np.cos(turn), around * np.sin(turn), z], axis=1)


def _spikes(patient: Patient) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Direction (n, 3) and height (n,) of the margin's spikes."""
    rng = _stream(patient, _FORM)
    to = rng.standard_normal((_SPIKES, 3))
    return to / np.linalg.norm(to, axis=1, keepdims=True), rng.uniform(0.5, 1.0, _SPIKES)


def _relief(patient: Patient, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) radius in each direction `unit` (n, 3), as a multiple of that without spikes."""
    to, height = _spikes(patient)
    return 1 + patient.spiculation * (np.exp(_SHARPNESS * (unit @ to.T - 1)) @ height)


def _form(patient: Patient) -> tuple[float, float]:
    """Radius without spikes, so that the volume is that of a sphere of `diameter`; and the furthest reach; mm."""
    relief = _relief(patient, _directions(1000))
    radius = 0.5 * patient.diameter / float(np.cbrt(np.mean(relief**3)))
    return radius, radius * float(relief.max())


def _centre(patient: Patient, build: Build) -> tuple[float, float, float]:
    """(x, y, z) of the lesion in the grid's mm: inside its lung, clear of ribs, heart and liver.

    Where `place` does not leave it room, the next free one: nearer the lung's middle, or around it. Few lesions
    are too large for any; those may touch the heart.
    """
    reach = _form(patient)[1] + 2
    half = 0.5 * (patient.scanner.shape[0] - 1) * patient.scanner.slice_thickness
    side, dome = (1, build.dome - 12) if patient.side == "left" else (-1, build.dome)
    # Laid out for a common reach and moved only as far as needed: a growing lesion stays where it is.
    low, high = dome - half + _COMMON_REACH, half - _COMMON_REACH
    z = max(min(low + patient.place[0] * (high - low), half - reach), dome - half + reach)
    a, b = (float(axis) - _COMMON_REACH for axis in _lung_axes(build, z + _COMMON_REACH))
    for turn in np.radians(range(0, 360, 20)):
        for depth in np.linspace(np.sqrt(patient.place[1]), 0, 25):
            angle = 2 * np.pi * patient.place[2] + turn
            x = side * build.lung_x + a * float(depth * np.cos(angle))
            y = build.lung_y + b * float(depth * np.sin(angle))
            if _is_free(build, (x, y, z), reach):
                return x, y, z
    return side * (build.lung_x + 8.0), build.lung_y + 15.0, z


def _is_free(build: Build, centre: tuple[float, float, float], reach: float) -> bool:
    """Whether a disc of radius `reach` lies inside a lung and the rib cage, and outside the heart."""
    around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    x, y, z = centre[0] + reach * np.cos(around), centre[1] + reach * np.sin(around), centre[2]

    def radius(of_x: float, of_y: float, a: Height, b: Height) -> NDArray[np.float64]:
        return np.asarray(((x - of_x) / a) ** 2 + ((y - of_y) / b) ** 2)

    lung = radius(np.copysign(build.lung_x, centre[0]), build.lung_y, *_lung_axes(build, z + reach))
    chest = radius(0, build.lung_y, *_chest_axes(build))
    heart = radius(*_heart(build, max(z - reach, -25.0)))
    return bool((lung < 1).all() and (chest < 1).all() and (heart > 1).all())


def _lesion(volume: Field, patient: Patient, build: Build, grid: Grid) -> NDArray[np.uint8]:
    """Mix the lesion in; returns its mask, the voxels it fills by half or more."""
    centre = np.array(_centre(patient, build))
    radius, reach = _form(patient)
    box, axes = _around(grid, centre - reach - 5, centre + reach + 5)
    share = _lesion_share(patient, radius, grid, axes, centre)
    _mix(volume[box], share, _lesion_hounsfield(patient, share))
    mask = np.zeros(volume.shape, dtype=np.uint8)
    mask[box] = share >= 0.5
    return mask


def _lesion_share(
    patient: Patient, radius: float, grid: Grid, axes: tuple[Field, Field, Field], centre: NDArray[np.float64]
) -> Field:
    """Share of each voxel of the box inside the lesion, averaged from a finer grid."""
    steps = (float(grid.z[1, 0, 0] - grid.z[0, 0, 0]), grid.pixel, grid.pixel)
    inner = (np.arange(_FINE) + 0.5) / _FINE - 0.5
    z, y, x = ((a.ravel()[:, None] + inner * step).ravel() for a, step in zip(axes, steps, strict=True))
    zyx = np.meshgrid(z - centre[2], y - centre[1], x - centre[0], indexing="ij")
    offset = np.stack([zyx[2].ravel(), zyx[1].ravel(), zyx[0].ravel()], axis=1)
    distance = np.linalg.norm(offset, axis=1)
    margin = radius * _relief(patient, offset / np.maximum(distance, 1e-6)[:, None])
    fine = np.clip(0.5 + (margin - distance) * _FINE / grid.pixel, 0, 1).reshape(zyx[0].shape)
    d, h, w = (len(a.ravel()) for a in axes)
    return np.asarray(fine.reshape(d, _FINE, h, _FINE, w, _FINE).mean(axis=(1, 3, 5)), dtype=np.float32)


def _lesion_hounsfield(patient: Patient, share: Field) -> Field:
    """HU inside the lesion: of its mean `attenuation` and standard deviation `heterogeneity`."""
    rng, scanner = _stream(patient, _TEXTURE), patient.scanner
    field = rng.standard_normal(share.shape, dtype=np.float32)
    field = ndimage.gaussian_filter(field, [_GRAIN / step for step in scanner.spacing])
    mean = np.average(field, weights=share)
    deviation = np.sqrt(np.average((field - mean) ** 2, weights=share))
    return np.asarray(patient.attenuation + patient.heterogeneity * (field - mean) / deviation, dtype=np.float32)


def _imaged(volume: Field, rng: np.random.Generator, scanner: Scanner) -> NDArray[np.int16]:
    """As the scanner shows it: blurred and noisy by its kernel, within 12 bits."""
    seen = ndimage.gaussian_filter(volume, (0, scanner.blur, scanner.blur))
    noise = rng.standard_normal(volume.shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, (0, scanner.noise_grain, scanner.noise_grain))
    seen += scanner.noise / noise.std() * noise
    return np.rint(np.clip(seen, -1024, 3071)).astype(np.int16)
