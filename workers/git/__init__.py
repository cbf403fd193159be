"""Commits onto disk: one bare mirror per repository, one checkout per job.

Nothing here reads the code that it fetches, and no credential is ever on a command line, in a URL or in
a file. Failures leave as `JobFailed`, in words for the pull request.
"""
