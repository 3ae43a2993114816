"""Studies: one experiment at every point of a grid of settings, kept in one file."""
