"""Studies over a ladder of settings: how fast the distance to each flow falls, and the order fitted to it."""
