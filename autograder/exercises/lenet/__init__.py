"""Specs of lesson 01."""
