"""The store's latest values, copied to three tables of a Supabase project (docs/supabase.sql)."""
