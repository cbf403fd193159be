"""What Thera is about, as frozen values and pure functions: no I/O, no clock, no library.

Only the standard library and `workers.protocol` (which obeys the same law) may be imported here.

delivery   one webhook request, stored
event      what happened on the forge, in our types
command    what someone asked for (`Plan`, `Apply`)
run        one command on one pull request
job        one phase of one project, for one worker
wave       jobs that may run together
step       one entry of a workflow
project    a Terraform root module in one workspace
pull       a pull or merge request
lock       a project (or repository) lock that users see
artifact   an encrypted saved plan
"""
