"""Specs of lesson 00."""
