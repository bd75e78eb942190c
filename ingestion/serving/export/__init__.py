"""The store as Parquet files."""
