"""Specs of lesson 01."""

NUMBER = 1
