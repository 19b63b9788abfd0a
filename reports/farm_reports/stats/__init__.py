"""Every quantile, effective sample size, interval and verdict of the farm: pure functions on arrays."""
