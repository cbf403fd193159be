"""Which step does what."""

from collections.abc import Mapping

from workers.steps import apply, env, init, plan, run, show
from workers.steps.context import Run

STEPS: Mapping[str, Run] = {
    "init": init.run,
    "plan": plan.run,
    "apply": apply.run,
    "show": show.run,
    "run": run.run,
    "env": env.run,
    "multienv": env.run_many,
}
