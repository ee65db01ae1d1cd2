"""Speed of this machine, on its own and beside other programs.

Candidates take turns (A B A B), so that a machine that slows down slows them all.
"""
