"""What each run read and wrote as OpenLineage events, where those are sent, and which columns features come from."""
