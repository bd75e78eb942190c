"""What Feast's registry may hold: our own functions only, published lists that stay, and views that no gate judges.

own_functions     stored functions of our views are never run
pinned_services   a published list of features does not change
ungated_views     views of the user's own
whole_registry    everything in it by one statement
forks             connections to the registry after a fork
"""
