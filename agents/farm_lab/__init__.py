"""Virtual boards: real SSH servers with simulated hardware, on this machine."""
