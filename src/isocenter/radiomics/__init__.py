"""Radiomics: arrays in, numbers out."""
