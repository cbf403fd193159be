"""Which step does what."""

from collections.abc import Mapping

from workers.steps import apply, env, import_, init, plan, policy_check, run, show, state_rm
from workers.steps.context import Run

STEPS: Mapping[str, Run] = {
    "init": init.run,
    "plan": plan.run,
    "apply": apply.run,
    "show": show.run,
    "policy_check": policy_check.run,
    "import": import_.run,
    "state_rm": state_rm.run,
    "run": run.run,
    "env": env.run,
    "multienv": env.run_many,
}
