"""Rows of a source into the store: raw, then processed or quarantine; deletes and refused rows after that."""
