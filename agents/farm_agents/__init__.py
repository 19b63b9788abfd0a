"""What runs on a board: a supervisor that speaks the wire, and a fresh runner process per launch."""
