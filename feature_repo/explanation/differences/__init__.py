"""What differs between two states of the features.

instants.py          between two instants or two runs
training_frames.py   between two training frames
frame_causes.py      what the store knows of the latter
difference.py        what comes out of both
"""
