"""Charts as inline SVG: pure functions of data and width, readable without a stylesheet."""
