"""Evaluators: what is measured, with which error, and on whom it can be measured."""
