"""Mistakes as students write them, in their own code: each must be named like its model in the spec."""
