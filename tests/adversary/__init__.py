"""Cheats: honest attempts to get points for unsolved work, to read or change what is none of theirs, to do harm."""
