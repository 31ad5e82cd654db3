"""Suites: TOML files that state which models to train and what to measure."""
