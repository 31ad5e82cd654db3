"""Suites: TOML files that say which models to train and what to measure."""
