"""Makes a bare board ready: finds out what it is, chooses what fits, lays it down."""
