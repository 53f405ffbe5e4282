"""Numbers: points and their replicates, tables of them, statistics, differences, effects."""
