"""Specs of lesson 00."""

NUMBER = 0
