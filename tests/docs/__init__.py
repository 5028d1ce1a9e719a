"""Tests of the documents. A package, since another folder has a `test_docs` too."""
