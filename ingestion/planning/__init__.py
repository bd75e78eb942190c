"""What an apply would change: the declarations of this code beside those of another commit, or beside a store."""
