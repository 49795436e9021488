"""Reading and writing files: DICOM, NIfTI, NRRD, MetaImage, pictures, arrays, MATLAB, tables; one module a library.

    kind_of(path)        which of these a file is, by name, then by its first bytes
    read_image(source)   pixels (C, D, H, W) with their geometry in LPS millimetres
    read_mask(source)    whole-number labels (D, H, W) with their geometry
    digest(source)       SHA-256 over the bytes behind a source
    dicom.find_series    DICOM files to series, headers only
    arrays.read_arrays   .npy, .npz, .mat to named arrays;  arrays.write_mat
    tables.read_table    .csv, .tsv, .xlsx, .parquet to a DataFrame;  tables.write_table

Whatever is wrong with a file is raised as a named `IsocenterError`; nothing is unpickled, and
the decoded size is checked before anything is decoded. Readers are imported when first needed.
"""

from isocenter.formats.digests import digest
from isocenter.formats.images import read_image, read_mask
from isocenter.formats.sniff import kind_of

__all__ = ["digest", "kind_of", "read_image", "read_mask"]
