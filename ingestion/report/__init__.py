"""The report: what a store holds, how its runs went and what its gates say, as one HTML file."""
