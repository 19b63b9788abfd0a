"""The use case `farm run`, and what stands beside it: dry run, resume, the report again, the list of runs.

`command` does it; nothing is imported here, so that a slip of the pen is told before anything heavy is loaded.
"""
