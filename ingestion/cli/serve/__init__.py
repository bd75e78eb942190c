"""Verbs that bring features to who reads them: materialize, score, export, publish-supabase."""
