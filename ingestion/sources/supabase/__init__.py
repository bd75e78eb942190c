"""Bets in a table of a Supabase project, over its REST API.

supabase_table      the table: what it has, and how it is opened
supabase_reading    the table while it is read, as a TableReader
span_reader         rows page by page, counted
keyset              spans of rows in the filter language of PostgREST
database_functions  what functions in the project's database say of the table
rest                requests, retries and errors
"""
