"""Suites: TOML files that say which runs to make and what to measure."""
