"""The reference: one importable, typed module per lesson."""
