"""Loops that numba compiles on first use and keeps on disk; plain arrays in and out."""
