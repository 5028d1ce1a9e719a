"""Checks that every implementation of a seam passes, the real ones and the fakes alike. A file a seam."""
