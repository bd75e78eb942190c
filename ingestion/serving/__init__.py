"""What leaves the store: online copies, vectors, exports, published tables, the catalogue of features."""
