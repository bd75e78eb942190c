"""Feast's offline store: what it reads from Postgres, and what is written there by hand.

store           the class that Feast calls
jobs            what it returns: a retrieval, or the rows of a query, run when they are asked for
retrieval/      training frames: the features that held at the instants of an entity frame
latest          the newest row of each key, which is copied online
write           rows written by hand into the table of a view; persist: a result kept as a table
validate        whether a source can be read
source_table    a view's source as SQL
column_types    server types in a COPY, in Polars, in Arrow and as keys
arrow_tables    the rows of a query as an Arrow table
json_columns, json_values    JSON in tables, and in Feast's messages
file_views      views of files, which are left to Feast's own store
sessions        read-only sessions with a deadline
"""
