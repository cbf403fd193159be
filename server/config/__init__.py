"""What operators and teams configure: process settings, the server file, the repository file.

`settings` is the only reader of the environment on the server's side. Nothing here decides or acts.
"""
