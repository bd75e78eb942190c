"""Training frames: for each row of an entity frame, the features that held at its instant.

request         what a retrieval requests of each view
entity_frame    the entity rows: a frame (pandas, Polars, Arrow) with keys and an instant
entity_query    the same from SQL, or every instant in a range of time
view_reader     reads the features of one view after the other for the same entity rows
  join_strategy   chooses between the two ways to read a view, by the planner's costs
  index_lookup    few rows: each by an index
  as_of_join      many rows: the history is copied and joined here
history_sql     the queries of both ways
fetched_rows    their rows, in Polars or Arrow
key_comparison  keys of the frame against keys of a view
retrieval_sql   a whole retrieval as one statement, for `to_sql`
"""
