"""Bounds and estimators as pure functions of distributions; they know no model of ours."""
