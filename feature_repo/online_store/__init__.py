"""Feast's online store: what it reads and writes in Redis, and for how long that may be served.

store.py          what Feast calls
layout.py         which keys and fields stand in Redis, and their bytes
read_plan.py      what a read asks of Redis, worked out once for the same views and features
read.py           rows from Redis into Feast's response, each with its status
response.py       that response, read out faster
write.py          rows into Redis; the newest row of a key stays
delete.py         keys of one project removed
watermarks.py     the instant up to which the rows of each view hold, and whose copy they are
freshness.py      the age of a value, and whether it may still be served (rule R6)
entity_keys.py    the Redis keys of the entities of a request
protobuf.py       values and varints as the bytes that Feast writes
round_trip.py     many commands in one round trip
client.py         connections that never wait for long
redis_errors.py   trouble of Redis as our errors
"""
