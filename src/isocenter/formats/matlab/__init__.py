"""MATLAB's .mat: read in every version, written as version 5.

    read_mat(path)           arrays, tables, and what is refused, by name
    write_mat(path, ...)     variables that MATLAB and Octave load
    matlab_names(columns)    names that MATLAB accepts

Inside: `nodes` (an array not yet read), `v4`, `v5` and `v73` (the file formats), `objects` (string,
categorical and what a table is made of), `tables`, `reading`, `writing`.
"""

from isocenter.formats.matlab.reading import MatFile, read_mat
from isocenter.formats.matlab.writing import matlab_names, write_mat

__all__ = ["MatFile", "matlab_names", "read_mat", "write_mat"]
