"""Reading the histories of views: as of instants, the newest row per key, and rows written by hand."""
