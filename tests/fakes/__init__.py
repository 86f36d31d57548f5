"""Servers and clocks that a test can trust: `fakes.ban` is where to start."""
