"""How the online store lays values out in Redis, for everything that reads or writes them."""
