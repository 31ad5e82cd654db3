"""A run: one recipe on one data set with one seed, trained, evaluated and stored."""
