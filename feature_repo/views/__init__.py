"""The eight stored feature views, one a file."""
