"""Pages to act on: what needs somebody now, one issue, one dependency. They show counts and names, never a cell."""
