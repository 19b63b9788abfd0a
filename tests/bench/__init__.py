"""The benchmark tables of the README: `PYTHONPATH=tests python -m bench`."""
