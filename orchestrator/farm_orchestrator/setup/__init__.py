"""A farm's first files: boards are tried, and what was found is written down."""
