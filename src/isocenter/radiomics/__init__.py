"""Radiomics: features of regions as IBSI defines them. Arrays in, numbers out; knows no files.

`extract` crops and interpolates (`grid`, `prepared`), gives grey levels (`discretise`), then goes through the
families: `morphology` (with `mesh`) and `autocorrelation`, `local`, statistics (`imaging.intensity`),
`histogram` and its volume twin, `textures`; then through those that a response has, for each filter (`filters`,
`filtered`). `settings` holds every choice and the presets, `names` what each feature is. Loops
are compiled, in `kernels_*`, each imported where it is called.
"""

from __future__ import annotations

from isocenter.radiomics.extraction import extract
from isocenter.radiomics.settings import PRESETS, Settings, preset

__all__ = ["PRESETS", "Settings", "extract", "preset"]
