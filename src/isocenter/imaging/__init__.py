"""Arrays in, arrays and numbers out: intensities, shape of regions, resizing. Knows no files."""
