"""Refused rows: listed, dismissed, tried again (R9)."""
