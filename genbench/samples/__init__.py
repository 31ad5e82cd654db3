"""How far samples are from a reference: features in, estimates with their errors out.

Pure functions of float64 features, independent of models and of where the features come from;
imports ``core`` only.
"""
