"""Writing a lesson: starting one, trying its hidden tests, releasing it, and a made-up class that hands it in.

It never sees a real student's work.
"""
