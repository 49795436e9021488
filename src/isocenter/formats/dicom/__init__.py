"""DICOM through pydicom: files to series by their headers, series to volumes in LPS millimetres.

Orders, spacing and gaps are judged on headers alone (`find_series`), before any pixel is read;
`read_series` decodes, applies the modality's values and checks the same geometry again.
"""

from isocenter.formats.dicom.pixels import read_series
from isocenter.formats.dicom.series import Series, find_series

__all__ = ["Series", "find_series", "read_series"]
