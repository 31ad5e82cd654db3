"""Heads: network outputs -> torch distributions. They know densities, not networks or data."""
