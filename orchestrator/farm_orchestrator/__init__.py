"""The centre of the star: plans runs, drains boards, keeps the truth, asks the reports for a verdict."""
