"""Bounds and estimators as pure functions of distributions, independent of our models."""
