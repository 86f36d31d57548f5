"""Everything that talks to the outside world or reads files; returns tables and provenance."""
