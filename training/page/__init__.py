"""The page of a model: its verdict, its figures and what it was made from, as one HTML document."""
