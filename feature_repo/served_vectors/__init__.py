"""A sample of the vectors that were served, kept in ops.served_vectors, for `pikkit audit` to compare with training.

settings       how many are kept: none unless it is said
served_vector  a vector as it is kept, of a scorer's and of a response of Feast's
vector_log     from the serving threads to Postgres, in a thread of its own
"""
