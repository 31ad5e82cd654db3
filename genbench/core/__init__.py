"""Foundations: errors, names, files, seeds, capabilities. Imports nothing else of genbench."""
