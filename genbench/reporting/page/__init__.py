"""Pages: what stands on them, in which order, and the templates that lay it out."""
