"""Figures: how they look, what they show, and how they become files."""
