"""Evaluators: what is measured, with what error, and for which models."""
