"""Verbs that bring features to their readers: materialize, score, export, publish-supabase."""
