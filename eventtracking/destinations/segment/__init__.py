"""Segment's own words: who did something and where, and the two ways to tell it."""
