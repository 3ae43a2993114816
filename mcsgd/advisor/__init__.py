"""How many trajectories each design needs to resolve an effect, from small pilot runs."""
