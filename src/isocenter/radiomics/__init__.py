"""Radiomics: features of regions as IBSI defines them."""
